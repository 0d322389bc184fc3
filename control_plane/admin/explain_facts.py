"""What is not in the store: gathered from the audit, from deliveries, and from what ends."""

from collections.abc import Iterable
from datetime import timedelta

from control_plane.admin.expiry import number_ended
from control_plane.admin.operation import Call
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.delivery import Delivery
from control_plane.model.expiry import DatedKind, Expiring
from control_plane.model.explanation import (
    CircuitFact,
    EndedFact,
    Facts,
    GatewayFact,
    HandshakeFact,
    LimitFact,
    Live,
    LostFact,
    Refused,
)
from control_plane.ports.audit import AuditQuery
from control_plane.ports.deliveries import GatewayState

LATELY = timedelta(minutes=10)
_LIMIT = 100  # rows that are looked at for each fact
_ASKED = 20  # callers whose handshakes failed, of whom it is asked whether they got through since
_STOPS_NOTHING = {DatedKind.CRL, DatedKind.INVITATION, DatedKind.CONTROL_PLANE}  # of traffic


async def gathered(
    call: Call, resource: str, *, live: Live | None = None, lately: timedelta = LATELY
) -> Facts:
    """Facts about everything, and about ``resource`` where they are kept by resource."""
    now, expiries = call.deps.now(), call.deps.expiries
    since = now - lately
    audit = call.deps.audit
    handshakes = await audit.query(
        AuditQuery(event_type=EventType.HANDSHAKE_FAILED, since=since, limit=_LIMIT)
    )
    denied = await audit.query(AuditQuery(resource=resource, decision="denied", since=since, limit=_LIMIT))
    circuits: list[AuditEvent] = []
    for event_type in (EventType.CIRCUIT_OPENED, EventType.CIRCUIT_CLOSED):
        circuits += await audit.query(AuditQuery(resource=resource, event_type=event_type, limit=_LIMIT))
    return Facts(
        now=now,
        gateways=tuple(_gateway(state) for state in await call.deps.deliveries.all()),
        circuits=_open(circuits),
        limits=tuple(
            LimitFact(row.resource, row.principal, row.timestamp)
            for row in denied
            if row.reason == "rate_limited"
        ),
        ended=_ended(await expiries.all() if await number_ended(expiries) else ()),
        handshakes=await _shaken(call, handshakes),
        lost=await _lost(call),
        live=live,
    )


async def _shaken(call: Call, rows: list[AuditEvent]) -> tuple[HandshakeFact, ...]:
    """Handshakes of those who have not got through since: a certificate that was renewed stops nobody."""
    newest = {row.principal: row.timestamp for row in reversed(rows) if row.principal}
    through = set()
    for principal, at in list(newest.items())[:_ASKED]:
        passed = AuditQuery(principal=principal, decision="allowed", since=at, limit=1)
        if await call.deps.audit.query(passed):
            through.add(principal)
    return tuple(
        HandshakeFact(row.principal, row.principal_org, row.reason, row.timestamp)
        for row in rows
        if row.principal not in through
    )


async def _lost(call: Call) -> tuple[LostFact, ...]:
    """Sources that look at one organisation, and see nobody there or cannot see."""
    if call.deps.discovery is None:
        return ()
    found = []
    for state in await call.deps.discovery.sources.all():
        place = state.name.partition(":")[2]
        if state.lost_since is not None:
            reason = f"it cannot see since {state.lost_since.isoformat()}: {state.reason}"
            found.append(LostFact(place, state.name, reason))
        elif state.seen_at is not None and not state.findings.nodes:
            found.append(LostFact(place, state.name, f"at {state.seen_at.isoformat()} it saw nobody there"))
    return tuple(found)


def _gateway(state: GatewayState) -> GatewayFact:
    refused = [_refused(delivery) for delivery in state.deliveries]
    return GatewayFact(
        state.gateway, state.connected, state.at, tuple(each for some in refused for each in some)
    )


def _refused(delivery: Delivery) -> tuple[Refused, ...]:
    return tuple(Refused(delivery.type_url, each.name, each.detail) for each in delivery.refused)


def _open(rows: list[AuditEvent]) -> tuple[CircuitFact, ...]:
    """Circuits whose last event opened them."""
    last: dict[tuple[str, str, str], AuditEvent] = {}
    for row in sorted(rows, key=lambda row: row.timestamp):
        last[row.reporter, row.resource, row.metadata.get("upstream_url", "")] = row
    return tuple(
        CircuitFact(resource, address, row.timestamp, row.reason)
        for (_, resource, address), row in last.items()
        if row.event_type is EventType.CIRCUIT_OPENED
    )


def _ended(items: Iterable[Expiring]) -> tuple[EndedFact, ...]:
    """Certificates that have ended where none of their kind is left: of anchors one good one is enough."""
    found: dict[tuple[str, DatedKind], list[Expiring]] = {}
    for item in items:
        if item.kind not in _STOPS_NOTHING:
            found.setdefault((item.organisation, item.kind), []).append(item)
    return tuple(
        EndedFact(item.subject, item.organisation, item.not_after)
        for alike in found.values()
        if all(item.seconds_left <= 0 for item in alike)
        for item in alike
    )
