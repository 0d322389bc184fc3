"""Our Envoy between three partners, each with a real Envoy of its own, in both directions."""

import ssl
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Change, Value
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Grant
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.resource import Resource
from control_plane.model.tuning import Tuning
from control_plane.reconcile.federator import Federator
from tests.golden.world import items
from tests.integration.translate.certificates import Authority, Leaf
from tests.integration.translate.envoy import Envoy, running
from tests.integration.translate.static import bootstrap
from tests.integration.trust.test_handshakes import service
from tests.unit.pki.federation import LUEBECK, RIGA, VISBY, organisation
from tests.unit.pki.minting import NOW, Minted, chain_pem, key_pem, leaf

OWN = TrustDomain("danzig.example")
OURS = SpiffeId(f"spiffe://{OWN}/gateway/gw")
PARTNERS = (VISBY, LUEBECK, RIGA)
ANY = Endpoint("127.0.0.1", 1)  # replaced by a free port when Envoy starts


def gateway_of(partner: str) -> Minted:
    """The certificate of a partner's one gateway."""
    return GATEWAYS[partner]


def _identity(partner: str) -> SpiffeId:
    return SpiffeId(f"spiffe://{partner}/gateway/1")


GATEWAYS = {name: organisation(name).leaf(leaf(_identity(name)))[0] for name in PARTNERS}


@dataclass(frozen=True)
class Neighbours:
    """The partners' Envoys, and what is needed to put ours between them."""

    servers: dict[str, Envoy]
    authority: Authority
    upstream: int

    @asynccontextmanager
    async def between(self, bundles: Iterable[Bundle]) -> AsyncIterator["Between"]:
        """Our Envoy with what is published for these partners' bundles now."""
        values: list[Value] = [
            Gateway(ObjectId("gw"), OURS, ANY, Endpoint("127.0.0.1", 2)),
            Resource(ResourceName("orders"), OWN, upstreams=(Endpoint("127.0.0.1", self.upstream),)),
        ]
        for bundle in bundles:
            partner, port = bundle.organisation, self.servers[bundle.organisation].ports["ingress"]
            values += _trusted(bundle, "orders")
            values.append(Node(ObjectId("n"), partner, _identity(partner), (Endpoint("127.0.0.1", port),)))
            values.append(Resource(ResourceName("goods"), partner))
        with tempfile.TemporaryDirectory(prefix="px-") as name:
            directory = Path(name)
            async with _envoy(directory, OWN, values, self.authority.leaf(OURS)) as envoy:
                yield Between(envoy, directory)


@dataclass(frozen=True)
class Between:
    """Our Envoy."""

    envoy: Envoy
    directory: Path

    async def served(self) -> dict[str, tuple[bool, bool]]:
        """For each partner: whether it gets in, and whether we get to it."""
        return {partner: (await self.lets_in(partner), await self.gets_to(partner)) for partner in PARTNERS}

    async def lets_in(self, partner: str) -> bool:
        """Whether a new connection of the partner's gateway has a request answered."""
        one, issuing = gateway_of(partner), organisation(partner).issuing
        file = self.directory / "offered.pem"
        file.write_text(key_pem(one.key) + chain_pem(one, issuing))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        tls.load_cert_chain(file)
        url = f"https://127.0.0.1:{self.envoy.ports['ingress']}/"
        return await _status(url, f"orders.{OWN}", tls) == 200

    async def gets_to(self, partner: str) -> bool:
        """Whether a request through our egress is answered by the partner's gateway."""
        url = f"http://127.0.0.1:{self.envoy.ports['egress']}/"
        return await _status(url, f"goods.{partner}") == 200


async def _status(url: str, host: str, tls: ssl.SSLContext | bool = True) -> int:  # noqa: FBT001, FBT002 - aiohttp's own
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, ssl=tls, headers={"Host": host}) as answer,
        ):
            return answer.status
    except aiohttp.ClientError:
        return 0


def _trusted(bundle: Bundle, resource: str) -> list[Value]:
    partner = bundle.organisation
    return [
        Agreement(partner, AgreementState.TRUSTED),
        bundle,
        Grant(ObjectId(f"for-{partner}"), ResourceName(resource), partner),
    ]


@asynccontextmanager
async def _envoy(
    directory: Path, own: TrustDomain, values: list[Value], certificate: Leaf
) -> AsyncIterator[Envoy]:
    publication = Federator(own, Tuning(retries=0, connect_timeout=10)).apply(
        Change(1, items(values)), now=NOW
    )
    certificate.write(directory / "sds")
    text = bootstrap(publication.upserts, admin="admin.sock", free_ports=True)
    async with running(directory, text) as envoy:
        yield envoy


@asynccontextmanager
async def neighbours() -> AsyncIterator[Neighbours]:
    """Three partners whose ingress serves us."""
    async with AsyncExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="px-")))
        upstream = await stack.enter_async_context(service())
        ours = Authority(OWN)
        servers = {}
        for name in PARTNERS:
            own, one = TrustDomain(name), gateway_of(name)
            chain = chain_pem(one, organisation(name).issuing)
            values: list[Value] = [
                Gateway(ObjectId("gw"), _identity(name), ANY, Endpoint("127.0.0.1", 2)),
                Resource(ResourceName("goods"), own, upstreams=(Endpoint("127.0.0.1", upstream),)),
                Node(ObjectId("gw"), OWN, OURS, (ANY,)),
                *_trusted(Bundle(OWN, (ours.anchor,)), "goods"),
            ]
            (directory := root / name).mkdir()
            servers[name] = await stack.enter_async_context(
                _envoy(directory, own, values, Leaf(chain, key_pem(one.key)))
            )
        yield Neighbours(servers, ours, upstream)
