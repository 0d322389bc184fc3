"""Audit events as columns and back.

Rows tell what strangers sent, so they may hold anything: what PostgreSQL cannot store or index is replaced
here, and the row says so in its metadata (``altered``: the names of the fields). A row is never refused.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from operator import attrgetter
from typing import Any, NamedTuple

from pydantic_core import from_json

from control_plane.chain.record import metadata_text
from control_plane.model.audit import AuditEvent, EventType

_OF_THE_LOG = ("hash", "previous_hash")
COLUMNS = tuple(field.name for field in fields(AuditEvent) if field.name not in _OF_THE_LOG)
TYPES: Mapping[str, str] = {
    "timestamp": "timestamptz",
    "status": "bigint",
    "duration_ms": "float8",
    "bytes": "bigint",
    "metadata": "jsonb",
}
"""PostgreSQL's types of the columns that are not text."""

_METADATA = COLUMNS.index("metadata")


class Link(NamedTuple):
    """The chain at a row, and before it."""

    hash: bytes
    previous: bytes


ALTERED = "altered"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
MAX_INDEXED = 2048  # bytes; a B-tree entry holds 2,704
_MAX_IDENTIFIER = 512  # bytes; two of them share one index entry
_INDEXED = ("correlation_id", "principal", "resource")
_IDENTIFIERS = ("event_id", "reporter", "row_id")
_INTEGERS = ("status", "bytes")
_TEXT = tuple(
    name for name in COLUMNS if name not in TYPES and name not in {*_INDEXED, *_IDENTIFIERS, "event_type"}
)
_MAX_BIGINT = 2**63 - 1
_every_column = attrgetter(*COLUMNS)
_every_text = attrgetter(*_TEXT, *_INDEXED, *_IDENTIFIERS)


def storable(event: AuditEvent) -> AuditEvent:
    """The event as PostgreSQL can hold it; the same one when nothing has to be replaced."""
    if _is_plain(event):
        return event
    changed: dict[str, Any] = {}
    for name in _TEXT:
        _note(changed, event, name, _text(getattr(event, name)))
    for name in _INDEXED:
        _note(changed, event, name, _cut(_text(getattr(event, name)), MAX_INDEXED))
    for name in _IDENTIFIERS:
        _note(changed, event, name, _identifier(getattr(event, name)))
    for name in _INTEGERS:
        number = getattr(event, name)
        if number is not None and not -_MAX_BIGINT <= number <= _MAX_BIGINT:
            changed[name] = None
    if event.timestamp.tzinfo is None:
        changed["timestamp"] = event.timestamp.replace(tzinfo=UTC)
    metadata = {_text(key): _text(value) for key, value in event.metadata.items()}
    _note(changed, event, "metadata", metadata)
    if not changed:
        return event
    changed["metadata"] = metadata | {ALTERED: ",".join(sorted(changed))}
    return replace(event, **changed)


def _is_plain(event: AuditEvent) -> bool:
    """Whether there is nothing to replace, as is nearly always so."""
    texts = _every_text(event)
    text = "".join(texts) + "".join(event.metadata) + "".join(event.metadata.values())
    return (
        text.isascii()
        and "\0" not in text
        and max(map(len, texts)) <= _MAX_IDENTIFIER
        and event.timestamp.tzinfo is not None
        and abs(event.status or 0) <= _MAX_BIGINT
        and abs(event.bytes or 0) <= _MAX_BIGINT
    )


def values(event: AuditEvent) -> list[Any]:
    """The event's columns, in the order of COLUMNS."""
    made: list[Any] = list(_every_column(event))
    made[_METADATA] = metadata_text(event.metadata)
    return made


def event_of(row: Mapping[str, Any], link: Link | None = None) -> AuditEvent:
    """The event that a row holds, with its place in the chain."""
    known = {name: row[name] for name in COLUMNS}
    known["event_type"] = EventType(known["event_type"])
    known["metadata"] = from_json(known["metadata"])
    if link is not None:
        known["hash"], known["previous_hash"] = link.hash.hex(), link.previous.hex()
    return AuditEvent(**known)


def cursor(event: AuditEvent) -> str:
    """What to give as ``AuditQuery.after`` to get what follows this event."""
    return f"{event.timestamp.isoformat()}|{event.event_id}"


def position(after: str) -> tuple[datetime, str]:
    """Where a cursor points; ValueError when it is none."""
    moment, separator, event_id = after.partition("|")
    if not separator:
        raise ValueError("expected 'timestamp|event_id'")
    parsed = datetime.fromisoformat(moment)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC), event_id


def _note(changed: dict[str, Any], event: AuditEvent, name: str, value: object) -> None:
    if value != getattr(event, name):
        changed[name] = value


def _text(value: str) -> str:
    """Without NUL, and without the halves of surrogate pairs that UTF-8 has no bytes for."""
    if value.isascii() and "\0" not in value:
        return value
    return (
        value.encode("utf-8", errors="surrogatepass")
        .decode("utf-8", errors="replace")
        .replace("\0", REPLACEMENT)
    )


def _cut(value: str, limit: int) -> str:
    encoded = value.encode()
    return value if len(encoded) <= limit else encoded[:limit].decode(errors="ignore")


def _identifier(value: str) -> str:
    """Two different long ones must stay different, so a long one becomes its hash."""
    clean = _text(value)
    if len(clean.encode()) <= _MAX_IDENTIFIER:
        return clean
    return "sha256:" + sha256(value.encode(errors="surrogatepass")).hexdigest()
