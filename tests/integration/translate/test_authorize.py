"""What ``authorize`` answers is what a real Envoy does: random policies, random requests, no difference."""

import json
import ssl
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from yarl import URL

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.authorization import BASE_METHODS, CALL, Asked, Message, check_path
from control_plane.model.bundle import Bundle
from control_plane.model.change import Change, Value
from control_plane.model.federation import Export, Unit, UnitKind
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Capability, Grant
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.resource import Resource, ResourceKind
from control_plane.model.tuning import Tuning
from control_plane.plan.authorize import Ruling, decide, shadow
from control_plane.plan.federate import federate
from control_plane.plan.world import World
from control_plane.reconcile.federator import Federator
from tests.golden.world import items
from tests.integration.translate.certificates import Authority, Leaf
from tests.integration.translate.envoy import Envoy, running
from tests.integration.translate.parties import ANY, CALLER, SERVER, Service, serving
from tests.integration.translate.static import bootstrap
from tests.integration.translate.test_mcp import BOTH, JSON
from tests.integration.translate.test_strangers import context

pytestmark = pytest.mark.integration

OTHER = TrustDomain("other.example")
REGISTERED = tuple(
    SpiffeId(f"spiffe://{organisation}/{path}")
    for organisation in (CALLER, OTHER)
    for path in ("gateway/a", "gateway/b", "gateway/a/deep")
)
NAMES: tuple[tuple[str, ...], ...] = (
    *((identity,) for identity in REGISTERED),
    (f"spiffe://{CALLER}/gateway/unregistered",),
    (REGISTERED[0], REGISTERED[1]),
)
REVOKED = 1  # the place in NAMES of the one whose certificate is revoked
RESOURCES = 8
REQUESTS = 120


@dataclass(frozen=True)
class Case:
    """One request: who (a place in NAMES), to which resource, and what."""

    who: int
    resource: int
    method: str
    path: str
    accept: str
    message: Message | None

    def asked(self, serials: Sequence[str]) -> Asked:
        identity = ",".join(NAMES[self.who])
        return Asked(
            identity, self.method, self.path, serials[self.who], self.accept, self.message, session=True
        )


_paths = st.sampled_from(["/", "/a", "/a/", "/a/b", "/b", "/ab"])
_tools = st.sampled_from(["x", "y", "a/x", "X"])
_capabilities = st.builds(
    Capability,
    st.sampled_from([(), (), ("GET",), ("POST",), ("GET", "POST"), ("DELETE", "PUT")]),
    _paths,
    st.sampled_from([(), (), ("x",), ("x", "a/x"), ("y",)]),
)
_subjects = st.sampled_from(
    [CALLER, OTHER, f"spiffe://{CALLER}/gateway/*", f"spiffe://{CALLER}/gateway/a/*", *REGISTERED]
)


@st.composite
def _grants(draw: st.DrawFn, number: int) -> Grant:
    return Grant(
        ObjectId(f"g{number}"),
        ResourceName(f"r{draw(st.integers(0, RESOURCES - 1))}"),
        draw(_subjects),
        tuple(draw(st.lists(_capabilities, max_size=3))),
        draw(st.sampled_from([True, True, True, False])),
        shadow=draw(st.sampled_from([False, False, True])),
    )


_asked_paths = st.sampled_from(
    [
        *("/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/a?x=1", "/?/a", "/a;v=1", "/a/b..;/b", "/A"),
        *("/a%20b", "/a/%C3%BC", "/b", "/b/?q=/../a", "/a/b?..;", "/a%3Fb", "/a,b", "/a/b%25"),
    ]
)
_messages = st.builds(
    Message,
    st.sampled_from([*BASE_METHODS, CALL, CALL, CALL, CALL, "resources/read", "Ping"]),
    st.sampled_from(["x", "y", "a/x", "X", "x ", "", "unknown"]),
)
_cases = st.builds(
    Case,
    st.integers(0, len(NAMES) - 1),
    st.integers(0, RESOURCES - 1),
    st.sampled_from(["GET", "POST", "POST", "PUT", "DELETE"]),
    _asked_paths,
    st.sampled_from(["", JSON, BOTH, BOTH, BOTH, "text/event-stream", "Text/Event-Stream", "*/*"]),
    st.none() | _messages,
)


@st.composite
def _batches(draw: st.DrawFn) -> tuple[list[Grant], list[Case]]:
    grants = [draw(_grants(number)) for number in range(draw(st.integers(10, 24)))]
    return grants, draw(st.lists(_cases, min_size=REQUESTS, max_size=REQUESTS))


def kind(number: int) -> ResourceKind:
    return ResourceKind.MCP if number % 2 else ResourceKind.HTTP


def world(grants: list[Grant], authorities: Sequence[Authority], serial: str, port: int) -> list[Value]:
    """Two partners, one of whose certificates is revoked; half of the resources are MCP's."""
    values: list[Value] = [*grants]
    for organisation, authority in zip((CALLER, OTHER), authorities, strict=True):
        serials = (serial,) if organisation == CALLER else ()
        values += [
            Agreement(organisation, AgreementState.TRUSTED, revoked_serials=serials),
            Bundle(organisation, (authority.anchor,)),
        ]
    for number, identity in enumerate(REGISTERED):
        name = ObjectId(f"n{number}")
        values.append(
            Node(name, TrustDomain(identity.trust_domain), identity, (Endpoint("192.0.2.1", 1 + number),))
        )
    for number in range(RESOURCES):
        upstream = (Endpoint("127.0.0.1", port),)
        values.append(Resource(ResourceName(f"r{number}"), SERVER, kind(number), upstreams=upstream))
    identity = SpiffeId(f"spiffe://{SERVER}/gateway/gw")
    return [*values, Gateway(ObjectId("gw"), identity, ANY, Endpoint("127.0.0.1", 2))]


def exports(values: list[Value]) -> list[Export]:
    known = World(SERVER)
    known.apply(items(values))
    planned = [federate(known, Unit(UnitKind.EXPORT, f"r{number}")).planned for number in range(RESOURCES)]
    return [each for each in planned if isinstance(each, Export)]


async def sent(envoy: Envoy, session: aiohttp.ClientSession, tls: ssl.SSLContext, case: Case) -> int:
    """The status of this request."""
    headers = {"Host": f"r{case.resource}.{SERVER}", "Mcp-Session-Id": "1"}
    if case.accept:
        headers["Accept"] = case.accept
    body = None
    if case.message is not None:
        params = {"name": case.message.tool}
        document = {"jsonrpc": "2.0", "id": 1, "method": case.message.method, "params": params}
        body = json.dumps(document)
        headers["Content-Type"] = JSON
    url = f"https://127.0.0.1:{envoy.ports['ingress']}{case.path}"
    target = URL(url, encoded=True)
    async with session.request(case.method, target, ssl=tls, headers=headers, data=body) as got:
        await got.read()
        return got.status


def expected(ruling: Ruling) -> tuple[int, str]:
    """Status, and the policy that the log names."""
    if ruling.refused:
        return 400, ""
    return (200 if ruling.allowed else 403), ruling.policy_id


@given(_batches())
@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
async def test_the_answer_and_the_real_ingress_never_differ(batch: tuple[list[Grant], list[Case]]) -> None:
    grants, cases = batch
    authorities = Authority(CALLER), Authority(OTHER)
    leaves = [authorities["other" in names[0]].leaf(*names) for names in NAMES]
    serials = [serial_of(leaf) for leaf in leaves]
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="px-")))
        service = Service()
        port = await stack.enter_async_context(serving(service))
        values = world(grants, authorities, serials[REVOKED], port)
        planned = exports(values)
        publication = Federator(SERVER, Tuning(limits_enforced=False)).apply(Change(1, items(values)))
        Authority(SERVER).leaf(f"spiffe://{SERVER}/gateway/gw").write(directory / "sds")
        text = bootstrap(publication.upserts, admin="admin.sock", free_ports=True)
        envoy = await stack.enter_async_context(running(directory, text))
        clients = [context(directory, leaf) for leaf in leaves]
        session = await stack.enter_async_context(aiohttp.ClientSession(skip_auto_headers=["Accept"]))
        statuses = [await sent(envoy, session, clients[case.who], case) for case in cases]
        lines = await envoy.written("access", len(cases))

    assert len(lines) == len(cases)
    for case, status, line in zip(cases, statuses, lines, strict=True):
        check_path(case.path)
        asked = case.asked(serials)
        export = planned[case.resource]
        ruling, beside = decide(export, asked), shadow(export, asked)
        difference = f"{case}\n{export.allowed}\n{line}"
        assert (status, line["rbac"] or "") == expected(ruling), difference
        if beside is not None and not ruling.refused:
            assert line["shadow"] == beside.policy_id, difference
            assert line["shadow_result"] == ("allowed" if beside.allowed else "denied"), difference


def serial_of(leaf: Leaf) -> str:
    """As Envoy writes it."""
    number = x509.load_pem_x509_certificate(leaf.certificate.encode()).serial_number
    return number.to_bytes((number.bit_length() + 7) // 8, "big").hex()
