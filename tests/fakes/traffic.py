"""The minutes of a FakeAudit, counted as PostgreSQL counts them."""

import math
from collections.abc import Sequence
from datetime import datetime

from control_plane.chain.crossing import REQUESTS, partner_of
from control_plane.model.audit import AuditEvent
from control_plane.ports.traffic import MAX_PARTNERS, Count, Minute
from tests.fakes.audit import FakeAudit


class FakeMinutes:
    """Implements ports.traffic.TrafficMinutes."""

    def __init__(self, audit: FakeAudit) -> None:
        self._audit = audit

    async def minutes(self, since: datetime, until: datetime) -> Sequence[Minute]:
        groups: dict[datetime, list[AuditEvent]] = {}
        for event in self._audit.events:
            if event.event_type in REQUESTS and since <= event.timestamp < until:
                at = event.timestamp.replace(second=0, microsecond=0)
                groups.setdefault(at, []).append(event)
        return [_minute(at, groups[at]) for at in sorted(groups)]


def _minute(at: datetime, events: list[AuditEvent]) -> Minute:
    times = sorted(event.duration_ms for event in events if event.duration_ms is not None)
    partners: dict[str, list[AuditEvent]] = {}
    for event in events:
        partners.setdefault(partner_of(event), []).append(event)
    busiest = sorted(partners, key=lambda name: (-len(partners[name]), name))[:MAX_PARTNERS]
    return Minute(
        at=at,
        count=_count(events),
        p50=_share(times, 0.5),
        p99=_share(times, 0.99),
        partners={name: _count(partners[name]) for name in busiest},
    )


def _count(events: list[AuditEvent]) -> Count:
    decisions = [event.decision for event in events]
    return Count(len(events), decisions.count("denied"), decisions.count("failed"))


def _share(times: list[float], share: float) -> float | None:
    return times[max(0, math.ceil(share * len(times)) - 1)] if times else None
