"""Nodes: all of them, and one with everything that is known of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from control_plane.admin import circuits, nodes
from control_plane.admin.audit_events import AuditFilter, list_events
from control_plane.admin.dashboard.page import Values, ask
from control_plane.admin.dashboard.strip import DAY, Lasting, lay_out, openings, row_of, serials
from control_plane.admin.differences import DifferenceView, difference_view, differences_of
from control_plane.admin.listing import MAX_PAGE, OrganisationQuery
from control_plane.admin.node_view import NodeView
from control_plane.admin.operation import Call
from control_plane.admin.problems import ApiError
from control_plane.admin.spoken import spoken_of
from control_plane.admin.stored import value_of
from control_plane.model.agreement import Agreement
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.change import Kind
from control_plane.model.delivery import Progress
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.model.steering import Steering

VERBS = ("drain", "undrain", "circuit/open", "circuit/reset", "revoke", "reinstate")
SHOWN = 500  # nodes at once
LOOKED_THROUGH = 20_000  # nodes that a search reads
_GATEWAYS = 20  # whose deliveries are looked through


async def node_list(call: Call, query: Mapping[str, str]) -> Values:
    """Nodes page by page, of all organisations or of one; or those in which a text is found."""
    wanted = {name: query.get(name, "").strip() for name in ("find", "organisation", "after")}
    values: Values = {"wanted": wanted, "fault": "", "nodes": (), "next": None, "unseen": False}
    try:
        asked = OrganisationQuery(
            organisation=TrustDomain(wanted["organisation"]) if wanted["organisation"] else None,
            after=wanted["after"],
            limit=MAX_PAGE if wanted["find"] else SHOWN,
        )
    except InvalidValueError as error:
        return values | {"fault": error.detail}
    if not wanted["find"]:
        found = await ask(call, nodes.list_nodes, asked)
        return values | {"nodes": found.items, "next": found.next}
    return values | await _found(call, asked, wanted["find"].lower())


async def _found(call: Call, asked: OrganisationQuery, text: str) -> Values:
    """The first nodes that have ``text`` in what is shown of them; ``unseen``: there may be more."""
    matching: list[NodeView] = []
    read = 0
    while read < LOOKED_THROUGH:
        page = await ask(call, nodes.list_nodes, asked)
        read += len(page.items)
        matching += [each for each in page.items if text in _told_of(each)]
        if page.next is None or len(matching) > SHOWN:
            return {"nodes": matching[:SHOWN], "unseen": page.next is not None or len(matching) > SHOWN}
        asked = replace(asked, after=page.next)
    return {"nodes": matching, "unseen": True}


def _told_of(node: NodeView) -> str:
    addresses = " ".join(f"{each.host}:{each.port}" for each in node.endpoints)
    words = (node.node_id, node.name, node.organisation, node.status, node.status_reason, *node.sources)
    return f"{' '.join(words)} {addresses}".lower()


async def node(call: Call, query: Mapping[str, str]) -> Values:
    """One node: sightings, health, circuits of a day, certificates, and what gateways were told of it."""
    verb = query.get("verb", "")
    shown = await ask(call, nodes.show_node, key=query.get("key", ""))
    key, now = f"{shown.node_id}@{shown.organisation}", call.deps.now()
    spoken = await spoken_of(call.deps.objects, key)
    held = await call.deps.objects.get(Kind.STEERING, key)
    steering = value_of(held, Steering) if held else None
    events = await _of_circuits(call, shown, key)
    lasting = [*openings(events), *_by_hand(steering)]
    rows = sorted({row_of(event) for event in events} | {one.row for one in lasting})
    seen = serials(await _requests(call, shown, key))
    agreement = await call.deps.objects.get(Kind.AGREEMENT, shown.organisation)
    identities = value_of(agreement, Agreement).revoked_identities if agreement else ()
    return {
        "node": shown,
        "sightings": spoken.held if spoken else (),
        "by_hand": spoken is not None and spoken.manual is not None,
        "circuit": await ask(call, circuits.show_circuit, key=key) if call.deps.fitness else None,
        "steering": steering,
        "strip": lay_out(rows, lasting, now),
        "events": sorted(events, key=lambda event: event.timestamp, reverse=True)[:20],
        "certificates": list(seen.values()),
        "certificate_strip": lay_out(list(seen), seen.values(), now),
        "deliveries": await _told(call, shown),
        "revoked": shown.spiffe_id in identities,
        "verb": verb if verb in VERBS else "",
    }


async def _of_circuits(call: Call, shown: NodeView, key: str) -> list[AuditEvent]:
    """A day of what gateways said of circuits to this node, and of checks."""
    addresses = {f"{each.host}:{each.port}" for each in shown.endpoints}
    asked = AuditFilter(since=call.deps.now() - DAY, limit=MAX_PAGE)
    callers = {shown.organisation, call.deps.own}  # its resources, and groups with it as a member
    found = []
    for kind in (EventType.CIRCUIT_OPENED, EventType.CIRCUIT_CLOSED):
        page = await ask(call, list_events, replace(asked, event_type=kind))
        found += [event for event in page.items if _is_of(event, callers, addresses)]
    page = await ask(call, list_events, replace(asked, event_type=EventType.NODE_CHECKED, node=key))
    return found + [event for event in page.items if event.target_node == key]


def _is_of(event: AuditEvent, organisations: set[str], addresses: set[str]) -> bool:
    theirs = event.resource.rpartition("@")[2] in organisations
    return theirs and event.metadata.get("upstream_url", "") in addresses


def _by_hand(steering: Steering | None) -> list[Lasting]:
    if steering is None or not steering.circuit_open:
        return []
    return [Lasting("by hand", "open", _moment(steering.opened_at), None, steering.reason)]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


async def _requests(call: Call, shown: NodeView, key: str) -> list[AuditEvent]:
    """A day of requests that showed a certificate of this node: those to it, and those that it sent."""
    asked = AuditFilter(since=call.deps.now() - DAY, limit=MAX_PAGE)
    to = (await ask(call, list_events, replace(asked, node=key))).items
    by = (await ask(call, list_events, replace(asked, principal=shown.spiffe_id))).items
    return [event for event in to if event.target_node == key] + [e for e in by if e.direction == "ingress"]


async def _told(call: Call, shown: NodeView) -> list[tuple[str, int, list[DifferenceView]]]:
    """Of each gateway: how much of what concerns the node's organisation it has, and what it has not."""
    found = []
    states = [state for state in await call.deps.deliveries.all() if state.connected]
    for state in states[:_GATEWAYS]:
        try:
            differences = differences_of(call, state.gateway)
        except ApiError:
            continue  # it is connected to another replica
        named = [each for each in differences if shown.organisation in each.name]
        missing = [difference_view(each) for each in named if each.progress is not Progress.ACKNOWLEDGED]
        found.append((state.gateway, len(named) - len(missing), missing))
    return found
