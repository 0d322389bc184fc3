"""One organisation's control plane as far as peering goes, in this process, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import AuditEvent
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.model.peering import PeeringAddress
from control_plane.peering.assemble import Needs, Peering
from control_plane.peering.auditing import AuditStores, Schedule
from control_plane.peering.listener import Limits
from control_plane.peering.options import Options
from control_plane.pki import jws
from control_plane.pki.certificate import load_chain
from control_plane.plan.addresses import AddressPolicy
from control_plane.ports.audit import AuditQuery
from control_plane.ports.objects import Write
from control_plane.store.database import Database
from control_plane.store.partners import PostgresBundleStates, PostgresPartners
from control_plane.store.singleton import PostgresSingleton
from control_plane.trust.authority import Authority, ServerCredentials
from control_plane.trust.bundles import PartnerBundles
from tests.fakes.own_heads import FakeOwnHeads

LOOPBACK = ("127.0.0.0/8",)


class OwnCredentials:
    """The present credentials of a control plane, which a test may renew."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self.given: ServerCredentials | None = None

    def __call__(self) -> ServerCredentials:
        return self.given or self._authority.server_credentials(now=datetime.now(UTC))


class Signing:
    """Signs as the control plane."""

    def __init__(self, credentials: OwnCredentials) -> None:
        self._credentials = credentials

    def __call__(self, payload: bytes, typ: str) -> bytes:
        now = self._credentials()
        key = load_pem_private_key(now.key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return jws.seal(payload, typ, key=key, chain=load_chain(now.chain))


class OwnBundle:
    """What a control plane serves as its bundle, which a test may change."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self.given: Bundle | None = None

    def __call__(self) -> Bundle:
        return self.given or self._authority.bundle()


@dataclass
class Deployment:
    """A control plane that partners can reach at ``address``."""

    name: TrustDomain
    state: Path
    database_url: str
    address: PeeringAddress
    authority: Authority
    credentials: OwnCredentials
    own_bundle: OwnBundle
    bundles: PartnerBundles
    database: Database
    partners: PostgresPartners
    states: PostgresBundleStates
    peering: Peering
    log: FakeOwnHeads

    async def invite(self, organisation: str, *, lifetime: float = 3600) -> str:
        made = await self.peering.inviter.invite(
            TrustDomain(organisation), now=datetime.now(UTC), lifetime=lifetime, actor="operator"
        )
        return made.token

    async def agreement(self, organisation: TrustDomain) -> Agreement | None:
        stored = await self.database.objects.get(Kind.AGREEMENT, organisation)
        return stored.value if stored and isinstance(stored.value, Agreement) else None

    async def bundle(self, organisation: TrustDomain) -> Bundle | None:
        stored = await self.database.objects.get(Kind.BUNDLE, organisation)
        return stored.value if stored and isinstance(stored.value, Bundle) else None

    async def decide(self, organisation: TrustDomain, state: AgreementState, *, paused: bool = False) -> None:
        agreement = Agreement(organisation, state, paused=paused)
        await self.database.objects.write([Write(Kind.AGREEMENT, organisation, agreement)], actor="operator")

    async def close_database(self) -> None:
        """As if it had gone away: nothing of it answers any more."""
        await self.database.__aexit__(None, None, None)

    async def audited(self, action: str) -> list[AuditEvent]:
        events = await self.database.audit.query(AuditQuery(limit=1000))
        return [event for event in reversed(events) if event.action == action]

    async def refusals(self) -> list[str]:
        events = await self.database.audit.query(AuditQuery(limit=1000, decision="denied"))
        return [event.reason for event in reversed(events)]


def bound() -> socket.socket:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()  # callers may come before anybody accepts
    return listening


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a test decides about a deployment."""

    automatic: frozenset[TrustDomain] = frozenset()
    networks: tuple[str, ...] = LOOPBACK
    heartbeat: float = 3600.0
    limits: Limits | None = None
    schedule: Schedule = field(default_factory=Schedule)


@asynccontextmanager
async def deploy(
    name: TrustDomain, database_url: str, *, state: Path, wanted: Wanted
) -> AsyncIterator[Deployment]:
    """Serve until the block ends. Two deployments of one name and one ``state`` are replicas."""
    authority = Authority.open(state / "ca", name, now=datetime.now(UTC))
    listening = bound()
    address = PeeringAddress("127.0.0.1", listening.getsockname()[1])
    options = Options(
        own=name,
        addresses=(address,),
        policy=AddressPolicy.of(wanted.networks),
        automatic=wanted.automatic,
        heartbeat=wanted.heartbeat,
    )
    credentials, own_bundle = OwnCredentials(authority), OwnBundle(authority)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(database_url))
        singleton = PostgresSingleton(database_url, pause=0.1)
        await _register_gateway(database, name)
        log = FakeOwnHeads(name, Signing(credentials))
        needs = Needs(
            objects=database.objects,
            audit=database.audit,
            invitations=database.invitations,
            partners=database.partners,
            singleton=singleton,
            credentials=credentials,
            bundle=own_bundle,
            now=lambda: datetime.now(UTC),
            audits=AuditStores(database.crossings, database.reconciliations, database.heads, log),
            schedule=wanted.schedule,
        )
        peering = Peering.of(options, needs, limits=wanted.limits)
        bundles = PartnerBundles(
            objects=database.objects,
            store=database.bundle_states,
            fetcher=peering.outward,
            singleton=singleton,
            audit=database.audit,
            own=name,
            now=lambda: datetime.now(UTC),
            tick=0.1,
        )
        serving = asyncio.create_task(peering.run(listening))
        try:
            yield Deployment(
                name=name,
                state=state,
                database_url=database_url,
                address=address,
                authority=authority,
                credentials=credentials,
                database=database,
                partners=database.partners,
                states=database.bundle_states,
                own_bundle=own_bundle,
                bundles=bundles,
                peering=peering,
                log=log,
            )
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


async def _register_gateway(database: Database, name: TrustDomain) -> None:
    identity = SpiffeId(f"spiffe://{name}/gateway/gateway-1")
    gateway = Gateway(
        ObjectId("gateway-1"), identity, Endpoint("127.0.0.1", 18443), Endpoint("127.0.0.1", 15001)
    )
    await database.objects.write([Write(Kind.GATEWAY, gateway.id, gateway)], actor="test")
