"""What every audit store does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit import AuditQuery, AuditStore, Checkpoint
from control_plane.store.audit_rows import cursor
from tests.fakes.values import MOMENT, audit_event


def checkpoint(
    offset: int, *, file: str = "access-1", stream: str = "access", gateway: str = "gw-1"
) -> Checkpoint:
    return Checkpoint(gateway, stream, file, offset)


async def test_events_come_back_as_they_were_newest_first(audit: AuditStore) -> None:
    events = [audit_event(number) for number in range(1, 4)]
    bare = AuditEvent(
        event_id="e",
        reporter="control-plane",
        row_id="r",
        timestamp=MOMENT,
        event_type=EventType.OPERATOR_ACTION,
    )

    new = await audit.append([*events, bare])

    assert new == 4
    assert await audit.query(AuditQuery()) == [*reversed(events), bare]


async def test_a_row_that_arrives_twice_is_stored_once(audit: AuditStore) -> None:
    first, second = audit_event(1), audit_event(2)
    await audit.append([first])

    again = await audit.append([first, second, second])

    assert again == 1
    assert await audit.query(AuditQuery()) == [second, first]


async def test_the_same_row_id_of_another_reporter_is_another_row(audit: AuditStore) -> None:
    await audit.append([audit_event(1), audit_event(1, reporter="gw-2")])

    assert len(await audit.query(AuditQuery())) == 2


async def test_the_checkpoint_moves_with_the_rows(audit: AuditStore) -> None:
    await audit.append([audit_event(1)], checkpoint(100))
    await audit.append([], checkpoint(7, stream="listener", file="listener-1"))
    await audit.append([audit_event(2)], checkpoint(200))
    await audit.append([], checkpoint(1, gateway="gw-2"))

    assert await audit.checkpoints("gw-1") == (
        checkpoint(200),
        checkpoint(7, stream="listener", file="listener-1"),
    )
    assert await audit.checkpoints("gw-2") == (checkpoint(1, gateway="gw-2"),)
    assert await audit.checkpoints("gw-3") == ()


async def test_a_late_repetition_does_not_move_the_checkpoint_back(audit: AuditStore) -> None:
    await audit.append([], checkpoint(200))

    await audit.append([], checkpoint(100))

    assert await audit.checkpoints("gw-1") == (checkpoint(200),)


async def test_the_next_file_starts_at_its_beginning(audit: AuditStore) -> None:
    await audit.append([], checkpoint(200))

    await audit.append([], checkpoint(10, file="access-2"))

    assert await audit.checkpoints("gw-1") == (checkpoint(10, file="access-2"),)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (AuditQuery(correlation_id="correlation-2"), [2]),
        (AuditQuery(principal="spiffe://other.example/x"), [3]),
        (AuditQuery(resource="orders@home.example", decision="denied"), [4]),
        (AuditQuery(reporter="gw-2"), [5]),
        (AuditQuery(event_type="handshake_failed"), [4]),
        (AuditQuery(since=MOMENT + timedelta(seconds=4)), [5, 4]),
        (AuditQuery(until=MOMENT + timedelta(seconds=2)), [1]),
        (AuditQuery(since=MOMENT + timedelta(seconds=2), until=MOMENT + timedelta(seconds=4)), [3, 2]),
        (AuditQuery(limit=2), [5, 4]),
        (AuditQuery(resource="nothing"), []),
        (AuditQuery(resource="' OR true --"), []),
    ],
)
async def test_a_query_finds_what_all_its_filters_allow(
    audit: AuditStore, query: AuditQuery, expected: list[int]
) -> None:
    events = {number: audit_event(number) for number in range(1, 6)}
    events[3] = replace(events[3], principal="spiffe://other.example/x")
    events[4] = replace(events[4], decision="denied", event_type=EventType.HANDSHAKE_FAILED)
    events[5] = replace(events[5], reporter="gw-2")
    await audit.append(list(events.values()))

    found = await audit.query(query)

    assert found == [events[number] for number in expected]


async def test_pages_follow_a_cursor_and_miss_nothing_of_one_moment(audit: AuditStore) -> None:
    same = [audit_event(number, timestamp=MOMENT) for number in range(10)]
    await audit.append([*same, audit_event(20), audit_event(21)])

    found: list[AuditEvent] = []
    while page := await audit.query(AuditQuery(limit=5, after=cursor(found[-1]) if found else "")):
        found += page

    assert [event.row_id for event in found] == [
        *("row-21", "row-20"),
        *(f"row-{number}" for number in reversed(range(10))),
    ]


@pytest.mark.parametrize("cursor_text", ["x", "2026-03-01", "yesterday|e", "|"])
async def test_a_cursor_that_is_none_is_refused(audit: AuditStore, cursor_text: str) -> None:
    with pytest.raises(InvalidValueError, match="timestamp"):
        await audit.query(AuditQuery(after=cursor_text))


async def test_events_are_found_by_the_other_organisation(audit: AuditStore) -> None:
    called = audit_event(1)
    calling = audit_event(
        2, direction="egress", principal_org="home.example", resource="furs@luebeck.example"
    )
    refused = audit_event(3, direction="", event_type=EventType.HANDSHAKE_FAILED)
    elsewhere = audit_event(
        4, direction="egress", principal_org="luebeck.example", resource="furs@riga.example"
    )
    await audit.append([called, calling, refused, elsewhere])

    found = await audit.query(AuditQuery(organisation="luebeck.example"))

    assert found == [refused, calling, called]


async def test_events_are_found_by_node_and_by_capability(audit: AuditStore) -> None:
    ours = audit_event(1, capability="search", target_node="gw-1")
    there = audit_event(2, reporter="gw-2", direction="egress", target_node="lb-1", source_node="gw-2")
    both = audit_event(3, reporter="lb-1", direction="egress", target_node="lb-1")
    await audit.append([ours, there, both])

    assert await audit.query(AuditQuery(node="gw-1")) == [ours]
    assert await audit.query(AuditQuery(node="lb-1")) == [both, there]
    assert await audit.query(AuditQuery(node="lb-1", limit=1)) == [both]
    assert await audit.query(AuditQuery(node="lb-1", after=cursor(both))) == [there]
    assert await audit.query(AuditQuery(capability="search")) == [ours]
    assert await audit.query(AuditQuery(decision="denied")) == []
