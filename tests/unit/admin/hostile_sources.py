"""Where text of others comes from, each with a good value that has text wherever there could be some."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from control_plane.model.agreement import Agreement, AgreementState, Cut
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind, Value
from control_plane.model.conditions import Conditions, Window
from control_plane.model.delivery import Delivery, Refusal
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Capability, Grant
from control_plane.model.group import Group
from control_plane.model.held import Held
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId
from control_plane.model.node import Endpoint, Node
from control_plane.model.peering import PartnerView, PeeringAddress, Remark
from control_plane.model.problem import Problem
from control_plane.model.reconciliation import Interval, Reconciliation
from control_plane.model.resource import Resource
from control_plane.model.sighting import Sighting, SourceKind
from control_plane.model.steering import Steering
from control_plane.model.xds import CLUSTER
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.discovery import Findings, SourceState
from control_plane.ports.objects import Write
from tests.unit.admin.hostile import poisoned
from tests.unit.admin.world import OWN, PARTNER, World, certificate

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
ID = SpiffeId(f"spiffe://{PARTNER}/gateway/lb-1")
NODE = ObjectId("lb-1")
AT = Endpoint("192.0.2.1", 8443)
KEY = f"{NODE}@{PARTNER}"
SIGHTING = Sighting(
    source="consul",
    kind=SourceKind.CONSUL,
    node_id=NODE,
    organisation=PARTNER,
    spiffe_id=ID,
    endpoints=(AT,),
    name="a node",
    region="north",
    version="1",
    resources=(ResourceName("orders"),),
    metadata={"zone": "a"},
)
GOOD: dict[Kind, Value] = {
    Kind.NODE: Node(NODE, PARTNER, ID, (AT,), name="a node", metadata={"zone": "a"}),
    Kind.AGREEMENT: Agreement(
        PARTNER,
        AgreementState.TRUSTED,
        reason="a reason",
        revoked_identities=(ID,),
        revoked_serials=("00ff",),
        cut=Cut(1, 1.0, "ada", "pause"),
    ),
    Kind.BUNDLE: Bundle(PARTNER, (certificate()[0],), ("a list",)),
    Kind.RESOURCE: Resource(
        ResourceName("orders"), PARTNER, nodes=(NODE,), upstreams=(), description="orders", preferred=NODE
    ),
    Kind.GRANT: Grant(
        ObjectId("a-grant"),
        ResourceName("stockfish"),
        str(PARTNER),
        (Capability(("GET",), "/fish", ()),),
        conditions=Conditions(NOW, NOW + timedelta(days=1), (Window(),), ObjectId("ticket")),
        approved_by="ada",
    ),
    Kind.GATEWAY: Gateway(ObjectId("gw-1"), SpiffeId(f"spiffe://{OWN}/gateway/gw-1"), AT, AT, "1.40", AT),
    Kind.GROUP: Group(ResourceName("orders"), OWN, (PARTNER,)),
    Kind.STEERING: Steering(NODE, PARTNER, draining=True, circuit_open=True, reason="a reason", by="ada"),
    Kind.SIGHTING: Held(sighting=SIGHTING, since=NOW, missing=NOW),
}
# These have no text because another kind of the same value has: our own resources upstreams, MCP tools.
EMPTY = {".upstreams", ".capabilities[].tools"}

Put = Callable[[World, bool], Awaitable[list[str]]]


async def _audited(world: World, names: bool) -> list[str]:  # noqa: FBT001 - as Put says
    """A row as a gateway ships it, with what a partner sent."""
    texts = {name: "text" for name, kind in AuditEvent.__annotations__.items() if kind in (str, "str")}
    good = AuditEvent(
        **texts,  # type: ignore[arg-type]  # all of these are text
        timestamp=NOW,
        event_type=EventType.CROSS_ORG_REQUEST,
        status=200,
        metadata={"path": "/x"},
    )
    event, marks = poisoned(good, names=names)
    event = replace(event, event_id="6f0d1b0a-0000-4000-8000-000000000001")
    await world.audit.append([event])
    return marks


async def _wrong(world: World, names: bool) -> list[str]:  # noqa: FBT001 - as Put says
    problem, marks = poisoned(Problem("subject", "code", "detail", "hint"), names=names)
    world.overview.problems = world.conflicts = (problem,)
    return marks


async def _heard(world: World, names: bool) -> list[str]:  # noqa: FBT001 - as Put says
    """What a partner's control plane says."""
    good = PartnerView(
        organisation=PARTNER,
        addresses=(PeeringAddress("peer.luebeck.example", 8444),),
        stale=True,
        heard_at=NOW,
        sent_at=NOW,
        send_error="an error",
        state=AgreementState.TRUSTED,
        paused=False,
        since=NOW,
        sequence=1,
        phase="announced",
        summary="they trust us",
        remarks=(Remark("clock", "it is late"),),
    )
    view, marks = poisoned(good, names=names)
    world.views.known = (replace(view, addresses=good.addresses),)  # checks ask for these names
    return marks


async def _refused(world: World, names: bool) -> list[str]:  # noqa: FBT001 - as Put says
    """What discovery reads, and refuses."""
    findings = Findings(nodes=1, refused_by_code={"code": 1}, refused=(Problem("s", "c", "d", "h"),))
    good = SourceState(
        name="consul", kind=SourceKind.CONSUL, seen_at=NOW, lost_since=NOW, reason="why", findings=findings
    )
    state, marks = poisoned(good, names=names)
    await world.sources.seen("consul", SourceKind.CONSUL, state.findings)
    await world.sources.lost("consul", SourceKind.CONSUL, state.reason)
    return marks


async def _delivered(world: World, names: bool) -> list[str]:  # noqa: FBT001 - as Put says
    """What Envoy says of a version that it refuses."""
    delivery = Delivery(CLUSTER, 1, 0, 0, (Refusal("name", "1", "detail", 1.0),))
    good = GatewayState(gateway="gw-1", connected=True, deliveries=(delivery,), replica="a", at=NOW)
    state, marks = poisoned(good, names=names)
    await world.deliveries.save(
        [replace(state, deliveries=(replace(state.deliveries[0], type_url=CLUSTER),))]
    )
    return marks


async def _compared(world: World, names: bool) -> list[str]:  # noqa: FBT001 - as Put says
    good = Reconciliation(
        id="report-1",
        organisation=PARTNER,
        interval=Interval(NOW, NOW + timedelta(hours=1)),
        started_at=NOW,
        seconds=1,
        actor="ada",
        error="an error",
    )
    report, marks = poisoned(good, names=names)
    world.reconciling.reports.reports.append(report)
    return marks


def _stored(kind: Kind) -> Put:
    async def put(world: World, names: bool) -> list[str]:  # noqa: FBT001 - as Put says
        value, marks = poisoned(GOOD[kind], names=names)
        await world.objects.write([Write(kind, value.key, value)], actor="ada")
        return marks

    return put


SOURCES: dict[str, Put] = {
    **{kind.value: _stored(kind) for kind in Kind},
    "audit": _audited,
    "problems": _wrong,
    "a partner": _heard,
    "discovery": _refused,
    "Envoy": _delivered,
    "reconciliation": _compared,
}
