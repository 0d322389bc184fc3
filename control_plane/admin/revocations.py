"""Taking back less than an organisation: one node, one certificate; and the proof of what was cut.

Each is one transaction. The agreement remembers it, so that nothing the partner says later undoes it, and
counts it, so that gateways end the connections that are open.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from control_plane.admin.agreement_rules import Occasion, with_cut
from control_plane.admin.ledger import Deed, perform
from control_plane.admin.node_view import NodeView, node_reply, written_node
from control_plane.admin.operation import API, Call, Operation, Reply, Route, route
from control_plane.admin.problems import ApiError
from control_plane.admin.spoken import find_node
from control_plane.admin.stored import find, read_back, value_of
from control_plane.admin.tokens import Role
from control_plane.admin.views import AgreementView, CutView, RevocationView, agreement_view, cut_view
from control_plane.model.agreement import Agreement, check_serial
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.node import Node
from control_plane.ports.audit import AuditQuery
from control_plane.ports.objects import Stored

NODE = f"{API}/federation/nodes/{{key}}"
CERTIFICATE = f"{API}/federation/agreements/{{organisation}}/certificates/{{serial}}"
_GATEWAYS = 1000  # reports that one view shows at most
_SLACK = timedelta(seconds=5)  # between the clocks of replicas


@dataclass(frozen=True, slots=True)
class Why:
    """Why, for whoever reads the agreement later; empty leaves what is there."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    reason: str = ""


def occasion(call: Call) -> Occasion:
    """Now, by the caller."""
    return Occasion(call.deps.now().timestamp(), call.actor)


async def revocation_view(call: Call, stored: Stored) -> RevocationView | None:
    """What was taken back last from a partner, with what the gateways reported of it."""
    agreement = value_of(stored, Agreement)
    if agreement.cut is None:
        return None
    since = datetime.fromtimestamp(agreement.cut.at, UTC) - _SLACK
    query = AuditQuery(event_type=EventType.NODE_REVOKED, resource=stored.key, since=since, limit=_GATEWAYS)
    newest: dict[str, CutView] = {}
    for event in await call.deps.audit.query(query):
        if event.metadata.get("number") == str(agreement.cut.number):
            newest.setdefault(event.reporter, _cut(event))
    return cut_view(agreement.cut, tuple(newest[gateway] for gateway in sorted(newest)))


def _cut(event: AuditEvent) -> CutView:
    said = event.metadata
    return CutView(
        id=event.reporter,
        first_push_ms=float(said["first_push_ms"]),
        took_ms=float(said["took_ms"]),
        connections_before=int(said["connections_before"]),
        connections_left=int(said["connections_left"]),
    )


def _node_route(verb: str, summary: str, change: Callable[[Call, Agreement, Node], Agreement]) -> Route:
    operation = Operation("POST", f"{NODE}/{verb}", Why, NodeView, summary, role=Role.OPERATOR)

    @route(operation)
    async def run(call: Call, given: Why) -> Reply:
        spoken = await find_node(call)
        node, stored = spoken.node, spoken.manual
        held = await call.deps.objects.get(Kind.AGREEMENT, node.organisation)
        agreement = value_of(held, Agreement) if held else Agreement(node.organisation)
        after = _explained(change(call, agreement, node), given)
        enabled = node.spiffe_id not in after.revoked_identities
        deeds = [Deed(f"{verb}-node", Kind.AGREEMENT, node.organisation, after, held)]
        if stored is None:  # only sources speak of it: there is nothing of ours to switch off
            await perform(call, deeds)
            return await node_reply(call, spoken)
        switched = replace(value_of(stored, Node), enabled=enabled)
        await perform(call, [Deed(verb, Kind.NODE, stored.key, switched, stored), *deeds])
        return await written_node(call, stored.key)

    return run


def _certificate_route(verb: str, summary: str, change: Callable[[Call, Agreement], Agreement]) -> Route:
    operation = Operation("POST", f"{CERTIFICATE}/{verb}", Why, AgreementView, summary, role=Role.OPERATOR)

    @route(operation)
    async def run(call: Call, given: Why) -> Reply:
        check_serial(call.path["serial"])
        held = await find(call, Kind.AGREEMENT, call.path["organisation"])
        after = _explained(change(call, value_of(held, Agreement)), given)
        await perform(call, [Deed(f"{verb}-certificate", Kind.AGREEMENT, held.key, after, held)])
        written = await read_back(call, Kind.AGREEMENT, held.key)
        bundle = await call.deps.objects.get(Kind.BUNDLE, held.key)
        anchors = value_of(bundle, Bundle).anchors if bundle else ()
        return Reply(agreement_view(written, anchors), written.revision)

    return run


def _explained(agreement: Agreement, given: Why) -> Agreement:
    return replace(agreement, reason=given.reason or agreement.reason)


def _without_node(call: Call, agreement: Agreement, node: Node) -> Agreement:
    present = agreement.revoked_identities
    revoked = present if node.spiffe_id in present else (*present, node.spiffe_id)
    return with_cut(replace(agreement, revoked_identities=revoked), f"node {node.key}", occasion(call))


def _with_node(_call: Call, agreement: Agreement, node: Node) -> Agreement:
    if node.spiffe_id not in agreement.revoked_identities:
        raise ApiError("bad_transition", f"expected a node that was revoked, got {node.key}, which was not")
    left = tuple(identity for identity in agreement.revoked_identities if identity != node.spiffe_id)
    return replace(agreement, revoked_identities=left)


def _without_certificate(call: Call, agreement: Agreement) -> Agreement:
    serial, present = call.path["serial"], agreement.revoked_serials
    revoked = present if serial in present else (*present, serial)
    return with_cut(replace(agreement, revoked_serials=revoked), f"certificate {serial}", occasion(call))


def _with_certificate(call: Call, agreement: Agreement) -> Agreement:
    serial = call.path["serial"]
    if serial not in agreement.revoked_serials:
        raise ApiError("bad_transition", f"expected a certificate that was revoked, got {serial}")
    return replace(
        agreement, revoked_serials=tuple(one for one in agreement.revoked_serials if one != serial)
    )


ROUTES = (
    _node_route("revoke", "Deny a node for good, and cut its connections", _without_node),
    _node_route("reinstate", "Let a revoked node take part again", _with_node),
    _certificate_route(
        "revoke", "Deny one certificate of a partner, by its serial number", _without_certificate
    ),
    _certificate_route("reinstate", "Let a revoked certificate count again", _with_certificate),
)
