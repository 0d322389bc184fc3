"""Trust: everything with a date, the change of our anchors, what waits for somebody, what was taken back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from control_plane.admin import agreements, bundle_sources, expiry, grants, rotation
from control_plane.admin.audit_events import AuditFilter, list_events
from control_plane.admin.dashboard.page import Values, ask, ask_all
from control_plane.admin.dashboard.timeline import lay_out
from control_plane.admin.operation import Call
from control_plane.model.agreement import AgreementState
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.rotation import Phase

_TOLD = 50  # revocations
STEPS = (
    (Phase.ANNOUNCED, "announced: our bundle has both roots"),
    (Phase.ACKNOWLEDGED, "every partner holds that bundle"),
    (Phase.TAKEN_OVER, "every gateway has it"),
    (Phase.SWITCHED, "the new root's intermediate signs"),
    (Phase.PROVEN, "requests passed with it"),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one gateway reported of one revocation; times in milliseconds."""

    at: datetime
    organisation: str
    what: str
    gateway: str
    push: float
    took: float
    before: int
    left: int


async def trust(call: Call, _: Mapping[str, str]) -> Values:
    """Everything with a date, and what waits for an operator."""
    dated = await ask_all(call, expiry.list_expiry)
    turning = await ask(call, rotation.show_rotation) if call.deps.rotations else None
    listed = (await ask_all(call, agreements.list_agreements)).items
    granted = (await ask_all(call, grants.list_grants)).items
    states = await call.deps.peering.bundles.states() if call.deps.peering else ()
    sources = [bundle_sources.source_view(state) for state in states if state.held or state.code]
    revoked = AuditFilter(event_type=EventType.NODE_REVOKED, limit=_TOLD)
    return {
        "expiry": dated,
        "timeline": lay_out(dated.items),
        "rotation": turning,
        "steps": _steps(turning),
        "pending": [each for each in listed if each.state is AgreementState.PENDING],
        "grants": [each for each in granted if each.conditions.approval and not each.approved_by],
        "held": [each for each in sources if each.held],
        "failing": [each for each in sources if each.code],
        "revocations": [_measured(event) for event in (await ask(call, list_events, revoked)).items],
    }


def _steps(turning: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - a view of the API
    """The steps of a change with ``done``, ``now`` or ``open``; none when there is no change."""
    order = [phase.value for phase, _ in STEPS]
    if turning is None or turning.phase not in order:
        return ()
    reached = order.index(turning.phase)
    words = ("done", "now", "open")
    return tuple(
        (text, words[(number > reached) + (number >= reached)]) for number, (_, text) in enumerate(STEPS)
    )


def _measured(event: AuditEvent) -> Measured:
    said = event.metadata
    return Measured(
        at=event.timestamp,
        organisation=event.resource,
        what=event.reason,
        gateway=event.reporter,
        push=float(said.get("first_push_ms", "0")),
        took=float(said.get("took_ms", "0")),
        before=int(said.get("connections_before", "0")),
        left=int(said.get("connections_left", "0")),
    )
