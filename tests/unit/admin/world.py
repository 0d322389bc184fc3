"""A running API over fakes, and the objects that the tests of it are about."""

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from control_plane.admin.app import create_app
from control_plane.admin.attempts import Attempts
from control_plane.admin.dashboard.sessions import Sessions
from control_plane.admin.dependencies import AuditParts, Dependencies, DiscoveryParts, PeeringParts
from control_plane.admin.newsroom import Newsroom
from control_plane.admin.serve import Serving, Tcp, serve_admin
from control_plane.admin.tokens import Role, TokenFile, new_token
from control_plane.kit.told import Told
from control_plane.model.authorization import Answer as Verdict
from control_plane.model.authorization import Asked
from control_plane.model.change import Kind
from control_plane.model.delivery import Difference
from control_plane.model.explanation import Explanation, Facts, Question
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem
from control_plane.plan.world import World as Federated
from control_plane.ports.explain import Judging
from control_plane.ports.peering import Fetcher
from control_plane.reconcile.judge import Judge
from control_plane.store.database import Database
from control_plane.trust.bundles import PartnerBundles
from tests.fakes.answers import FakeAnswerKeys
from tests.fakes.audit import FakeAudit, FakeFollowing, FakeStatistics
from tests.fakes.certificates import FakeExpiries, FakeRotations
from tests.fakes.deliveries import FakeDeliveries
from tests.fakes.desk import FakeInviting, FakeJoining
from tests.fakes.discovery import FakeSources
from tests.fakes.fitness import FakeFitness
from tests.fakes.heads import FakeHeads, FakeOffering
from tests.fakes.history import FakeHistory
from tests.fakes.objects import FakeObjects
from tests.fakes.peering import FakeBundleStates, FakeSingleton
from tests.fakes.reconciliation import FakeReconciling
from tests.fakes.self_check import FakeKeeping, FakeLook, FakeViews
from tests.fakes.shadow import FakeShadowCounts
from tests.fakes.verifying import FakeVerifying

OWN = TrustDomain("bergen.example")
PARTNER = TrustDomain("luebeck.example")


class FakeOverview:
    """Implements ports.overview.Overview with what a test puts in."""

    def __init__(self) -> None:
        self.problems: tuple[Problem, ...] = ()
        self.refused: dict[str, Problem] = {}
        self._revision = 1
        self._published = Told()

    @property
    def revision(self) -> int:
        return self._revision

    @revision.setter
    def revision(self, revision: int) -> None:
        self._revision = revision
        self._published.tell()

    async def until_published(self, seen: int, *, within: float) -> int:
        return await self._published.other_than(seen, within=within)

    def admission(self, node_key: str) -> Problem | None:
        return self.refused.get(node_key)


@dataclass
class FakeStreams:
    """Implements ports.deliveries.Streams with what a test puts in."""

    of: dict[str, tuple[Difference, ...]] = field(default_factory=dict)

    def differences(self, gateway: str) -> tuple[Difference, ...] | None:
        return self.of.get(gateway)


@dataclass
class Core:
    """Implements ports.explain.Judging by the judge that a test puts in; at first of an empty world."""

    judge: Judging = field(default_factory=lambda: Judge(Federated(OWN), {}))

    def authorize(self, resource: str, asked: Asked, *, now: datetime) -> Verdict:
        return self.judge.authorize(resource, asked, now=now)

    def explain(self, question: Question, facts: Facts) -> Explanation:
        return self.judge.explain(question, facts)


@dataclass(frozen=True)
class Answer:
    """What the API answered."""

    status: int
    document: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        return str(self.document["code"])


@dataclass
class World:
    """The API with everything behind it within reach."""

    directory: Path
    objects: FakeObjects = field(default_factory=FakeObjects)
    audit: FakeAudit = field(default_factory=FakeAudit)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    overview: FakeOverview = field(default_factory=FakeOverview)
    reconciling: FakeReconciling = field(default_factory=FakeReconciling)
    heads: FakeHeads = field(default_factory=FakeHeads)
    offering: FakeOffering = field(default_factory=FakeOffering)
    sources: FakeSources = field(default_factory=FakeSources)
    conflicts: tuple[Problem, ...] = ()
    waiting: tuple[str, ...] = ()
    expiries: FakeExpiries = field(default_factory=FakeExpiries)
    rotations: FakeRotations | None = field(default_factory=FakeRotations)
    peering: PeeringParts | None = None
    anchors: tuple[str, ...] = ("our anchor",)
    fitness: FakeFitness = field(default_factory=FakeFitness)
    judging: Core = field(default_factory=Core)
    verifying: FakeVerifying = field(default_factory=FakeVerifying)
    streams: FakeStreams = field(default_factory=FakeStreams)
    look: FakeLook = field(default_factory=FakeLook)
    views: FakeViews = field(default_factory=FakeViews)
    keeping: FakeKeeping = field(default_factory=FakeKeeping)
    database: Database | None = None  # instead of the fakes
    serving: Serving | None = None
    session: aiohttp.ClientSession | None = None
    tokens: dict[Role, str] = field(default_factory=dict)
    answers: FakeAnswerKeys = field(default_factory=FakeAnswerKeys)
    attempts: Attempts = field(default_factory=Attempts)
    room: Newsroom = field(default_factory=Newsroom)
    clock: float = 0.0  # of sessions, in seconds

    def __post_init__(self) -> None:
        self.following = FakeFollowing(self.audit)

    @property
    def token_file(self) -> Path:
        return self.directory / "tokens.json"

    def dependencies(self) -> Dependencies:
        return Dependencies(
            own=OWN,
            version="0.1.0",
            objects=self.database.objects if self.database else self.objects,
            audit=self.database.audit if self.database else self.audit,
            deliveries=self.database.deliveries if self.database else self.deliveries,
            overview=self.overview,
            tokens=TokenFile(self.token_file),
            anchors=lambda: self.anchors,
            counts=lambda: {Kind.NODE: 2},
            waiting=lambda: self.waiting,
            address="127.0.0.1:9900",
            expiries=self.expiries,
            following=self.database.following if self.database else self.following,
            statistics=self.database.statistics if self.database else FakeStatistics(self.audit),
            rotations=self.rotations,
            fitness=self.fitness,
            peering=self.peering,
            audits=AuditParts(
                reconciling=self.reconciling,
                reports=self.reconciling.reports,
                offering=self.offering,
                heads=self.heads,
            ),
            discovery=DiscoveryParts(
                sources=self.sources,
                names=("consul", "dns-sd:luebeck.example"),
                conflicts=lambda: self.conflicts,
            ),
            judging=self.judging,
            verifying=self.verifying,
            attempts=self.attempts,
            sessions=Sessions(clock=lambda: self.clock),
            newsroom=self.room,
            streams=self.streams,
            look=self.database.look if self.database else self.look,
            shadows=FakeShadowCounts(self.audit),
            answers=self.database.answers if self.database else self.answers,
            history=self.database.history if self.database else FakeHistory(self.objects),
        )

    @property
    def state(self) -> tuple[object, ...]:
        """Everything that a refused request must leave as it is."""
        return self.objects.revision, list(self.objects.actors), len(self.audit.events)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request over the unix socket, as the operator; bytes are sent as they are, all else as JSON."""
        assert self.session is not None
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if isinstance(body, bytes):
            body = BytesIO(body)
            headers.setdefault("Content-Type", "application/json")
        async with self.session.request(
            method, f"http://localhost{path}", data=body, headers=headers, params=params
        ) as answer:
            return await _read(answer)

    async def remote(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """A request over TCP with nothing but these headers."""
        assert self.serving is not None
        url = f"http://127.0.0.1:{self.serving.port}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, data=body, headers=headers) as answer,
        ):
            return await _read(answer)

    def bearer(self, role: Role) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}


def _following(world: World, fetcher: Fetcher) -> PeeringParts:
    """The following of bundles alone; whoever asks for anything else of a partner gets a defect."""
    bundles = PartnerBundles(
        objects=world.objects,
        store=FakeBundleStates(),
        fetcher=fetcher,
        singleton=FakeSingleton(),
        audit=world.audit,
        own=OWN,
        now=lambda: datetime.now(UTC),
    )
    nobody = cast("Any", None)
    return PeeringParts(inviting=nobody, joining=nobody, views=nobody, bundles=bundles)


async def _read(answer: aiohttp.ClientResponse) -> Answer:
    if answer.content_type == "text/event-stream":  # it does not end
        return Answer(answer.status, None, answer.headers)
    text = await answer.text()
    is_json = answer.content_type in {"application/json", "application/problem+json"}
    document = json.loads(text) if text and is_json else text or None
    return Answer(answer.status, document, answer.headers)


@asynccontextmanager
async def running(
    database: Database | None = None,
    following: Fetcher | None = None,
    *,
    partners: bool = False,
    through: Callable[[Dependencies], Dependencies] = lambda deps: deps,
) -> AsyncIterator[World]:
    """A world whose API listens on a unix socket and on TCP; with ``partners`` it sees what they say.

    ``through`` may stand between the API and what it works with.
    """
    with tempfile.TemporaryDirectory(prefix="pxa") as name:
        world = World(Path(name), database=database)
        if following:
            world.peering = _following(world, following)
        if partners:
            world.peering = PeeringParts(
                inviting=FakeInviting(), joining=FakeJoining(), views=world.views, bundles=world.keeping
            )
        for role in Role:
            world.tokens[role] = new_token(world.token_file, name=role.value, role=role)
        socket = world.directory / "run" / "admin.sock"
        connector = aiohttp.UnixConnector(str(socket))
        async with serve_admin(create_app(through(world.dependencies())), socket, tcp=Tcp()) as serving:
            world.serving = serving
            async with aiohttp.ClientSession(connector=connector) as session:
                world.session = session
                yield world


def node(node_id: str = "lb-1", /, **changes: object) -> dict[str, object]:
    """A node of the partner, as a request describes it."""
    return {
        "node_id": node_id,
        "organisation": PARTNER,
        "spiffe_id": f"spiffe://{PARTNER}/gateway/{node_id}",
        "endpoints": [{"host": "192.0.2.1", "port": 8443}],
        **changes,
    }


def resource(name: str = "orders", /, **changes: object) -> dict[str, object]:
    """A resource of the partner."""
    return {"name": name, "organisation": PARTNER, **changes}


def own_resource(name: str = "stockfish", /, **changes: object) -> dict[str, object]:
    """A resource of ours."""
    return {
        "name": name,
        "organisation": OWN,
        "upstreams": [{"host": "192.0.2.9", "port": 8080}],
        **changes,
    }


def grant(name: str = "luebeck-uses-stockfish", /, **changes: object) -> dict[str, object]:
    """A grant of our resource to the partner."""
    return {"id": name, "resource": "stockfish", "subject": PARTNER, **changes}


def certificate(organisation: str = PARTNER, *, ca: bool = True) -> tuple[str, str]:
    """A self-signed certificate and its private key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{organisation} test")])
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM).decode(), private.decode()
