from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.model.audit import AuditEvent
from control_plane.store.audit_rows import COLUMNS, cursor, event_of, position, storable, values
from tests.fakes.values import MOMENT, audit_event

ANYTHING = st.text(st.characters(exclude_categories=()))  # surrogates and NUL included


def test_a_plain_event_is_stored_as_it_is() -> None:
    event = audit_event()

    assert storable(event) is event


def test_an_event_survives_the_way_to_columns_and_back() -> None:
    event = audit_event()

    row = dict(zip(COLUMNS, values(event), strict=True))

    assert event_of(row) == event


@given(text=ANYTHING, key=ANYTHING, row_id=ANYTHING, number=st.integers())
def test_whatever_a_row_holds_postgresql_can_store_it(text: str, key: str, row_id: str, number: int) -> None:
    event = audit_event(
        principal=text * 50,
        reason=text,
        row_id=row_id,
        correlation_id=text,
        bytes=number,
        metadata={key: text},
    )

    stored = storable(event)

    texts = (stored.principal, stored.reason, stored.row_id, *stored.metadata, *stored.metadata.values())
    assert all("\0" not in value.encode().decode() for value in texts)
    assert len(stored.principal.encode()) <= 2048
    assert stored.bytes is None or -(2**63) <= stored.bytes < 2**63
    assert (stored == event) is ("altered" not in stored.metadata or event.metadata == stored.metadata)


@pytest.mark.parametrize("name", ["reporter", "row_id", "event_id"])
def test_two_long_identifiers_that_differ_at_the_end_stay_different(name: str) -> None:
    one = storable(replace(audit_event(), **{name: "x" * 5000 + "1"}))  # type: ignore[arg-type] # a field's name
    two = storable(replace(audit_event(), **{name: "x" * 5000 + "2"}))  # type: ignore[arg-type] # a field's name

    assert getattr(one, name) != getattr(two, name)
    assert len(getattr(one, name)) < 100
    assert one.metadata["altered"] == name


def test_a_time_without_a_zone_is_taken_for_utc() -> None:
    event = audit_event(timestamp=datetime(2026, 3, 1, 12))  # noqa: DTZ001 - what the test is about

    assert storable(event).timestamp == MOMENT


def test_a_cursor_points_to_its_event() -> None:
    event = replace(audit_event(), timestamp=MOMENT.astimezone(timezone(timedelta(hours=2))))

    assert position(cursor(event)) == (MOMENT, event.event_id)
    assert position(f"2026-03-01T12:00:00|{event.event_id}")[0].tzinfo is UTC


def test_every_field_of_an_event_is_a_column() -> None:
    of_the_log = {"hash", "previous_hash"}

    assert set(COLUMNS) == set(AuditEvent.__dataclass_fields__) - of_the_log
