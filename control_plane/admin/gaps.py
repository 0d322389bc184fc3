"""Gaps of the audit as a metric: what a gateway could not write, keep or ship is a row, and is told."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from control_plane.admin.operation import Call
from control_plane.model.audit import EventType
from control_plane.observe.metrics import Family, Sample
from control_plane.ports.audit import AuditQuery

WINDOW = timedelta(hours=24)
MAX_GAPS = 100  # more say nothing more


async def meter(call: Call) -> Sequence[Family]:
    """How many there were lately, by who told of them."""
    query = AuditQuery(event_type=EventType.GAP, since=call.deps.now() - WINDOW, limit=MAX_GAPS)
    found = Counter(event.reporter for event in await call.deps.audit.query(query))
    return (
        Family(
            "proxenia_audit_gaps",
            "Gaps of the audit in the last 24 hours, by gateway; at most 100 are counted.",
            ("gateway",),
            tuple(Sample((reporter,), number) for reporter, number in sorted(found.items())),
        ),
    )
