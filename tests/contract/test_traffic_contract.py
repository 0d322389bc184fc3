"""What everything does that counts requests by the minute."""

from dataclasses import replace
from datetime import timedelta

from control_plane.model.audit import EventType
from control_plane.ports.audit import AuditStore
from control_plane.ports.traffic import Count, TrafficMinutes
from tests.fakes.values import MOMENT, audit_event

MINUTE = timedelta(minutes=1)
BEGIN = MOMENT.replace(second=0, microsecond=0)


async def test_requests_are_counted_by_minute_and_by_partner(
    audit: AuditStore, minutes: TrafficMinutes
) -> None:
    luebeck = {"direction": "egress", "resource": "orders@luebeck.example"}
    visby = {"direction": "ingress", "principal_org": "visby.example", "resource": "ledger"}
    rows = [
        (0, luebeck, "allowed", 4.0),
        (1, luebeck, "denied", 8.0),
        (59, visby, "failed", None),
        (60, visby, "allowed", 2.0),
    ]
    events = [
        replace(
            audit_event(number),
            **told,  # type: ignore[arg-type]  # all of these are text
            event_type=EventType.CROSS_ORG_REQUEST,
            timestamp=BEGIN + timedelta(seconds=second),
            decision=decision,
            duration_ms=duration,
        )
        for number, (second, told, decision, duration) in enumerate(rows, start=1)
    ]
    action = replace(audit_event(9), event_type=EventType.OPERATOR_ACTION, timestamp=BEGIN)
    await audit.append([*events, action])

    first, second = await minutes.minutes(BEGIN, BEGIN + 5 * MINUTE)
    only_second = await minutes.minutes(BEGIN + MINUTE, BEGIN + 5 * MINUTE)

    assert (first.at, second.at) == (BEGIN, BEGIN + MINUTE)
    assert first.count == Count(3, 1, 1)
    assert first.partners == {"luebeck.example": Count(2, 1, 0), "visby.example": Count(1, 0, 1)}
    assert (first.p50, first.p99) == (4.0, 8.0)
    assert (second.p50, second.count) == (2.0, Count(1, 0, 0))
    assert list(only_second) == [second]


async def test_whoever_waits_is_told_at_once_what_was_stored_and_never_late(audit: AuditStore) -> None:
    before = await audit.until_stored(-1, within=0)
    await audit.append([audit_event(1)])

    after = await audit.until_stored(before, within=60)
    again = await audit.until_stored(after, within=0)

    assert after != before
    assert again == after
