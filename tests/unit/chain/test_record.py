"""The bytes of an audit event: what is written down here must never change, or old logs fail to verify."""

from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from hashlib import sha256

import pytest

from control_plane.chain.record import FIELDS, encode, leaf_hash, metadata_text
from control_plane.model.audit import AuditEvent, EventType
from tests.fakes.values import audit_event

FULL = replace(
    audit_event(7),
    event_type=EventType.HANDSHAKE_FAILED,
    metadata={"zeta": "ü\n", "b": '"', "ab": "\x1f"},
    policy_id="p",
)


def test_the_record_of_an_event_is_what_it_was_when_version_1_was_made() -> None:
    assert leaf_hash(encode(FULL)).hex() == GOLDEN


GOLDEN = "335987d7683d8d06a4342020d8407ba070da6b5db147530d0e72f7cdedf527cc"


def test_every_field_of_an_event_is_in_its_record() -> None:
    names = {field.name for field in fields(AuditEvent)}

    assert set(FIELDS) == names - {"hash", "previous_hash"}
    assert len(FIELDS) == len(set(FIELDS))


@pytest.mark.parametrize("name", FIELDS)
def test_a_change_of_any_field_changes_the_record(name: str) -> None:
    value = getattr(FULL, name)
    match value:
        case EventType():
            changed: object = EventType.GAP
        case str():
            changed = value + "x"
        case dict():
            changed = value | {"b": "c"}
        case datetime():
            changed = value + timedelta(microseconds=1)
        case _:
            changed = (value or 0) + 1

    other = replace(FULL, **{name: changed})  # type: ignore[arg-type] # the names are checked by replace
    assert encode(other) != encode(FULL)


@pytest.mark.parametrize("name", ["status", "duration_ms", "bytes"])
def test_no_value_is_not_nought(name: str) -> None:
    none, nought = {name: None}, {name: 0}
    changed = replace(FULL, **none)  # type: ignore[arg-type] # the names are checked by replace
    assert encode(changed) != encode(replace(FULL, **nought))  # type: ignore[arg-type] # as above


def test_what_moves_from_one_field_to_the_next_changes_the_record() -> None:
    assert encode(replace(FULL, action="ab", decision="c")) != encode(
        replace(FULL, action="a", decision="bc")
    )


def test_the_order_of_metadata_and_the_time_zone_do_not_matter() -> None:
    turned = replace(FULL, metadata=dict(reversed(FULL.metadata.items())))
    elsewhere = replace(FULL, timestamp=FULL.timestamp.astimezone(timezone(timedelta(hours=5))))

    assert encode(turned) == encode(elsewhere) == encode(FULL)


def test_metadata_is_written_as_postgresql_writes_it() -> None:
    assert metadata_text(FULL.metadata) == '{"b": "\\"", "ab": "\\u001f", "zeta": "ü\\n"}'
    assert metadata_text({}) == "{}"


def test_a_leaf_is_never_an_inner_node() -> None:
    assert leaf_hash(b"x") == sha256(b"\x00x").digest()
