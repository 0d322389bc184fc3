"""The bytes of an audit event, which are what its hash is of: the same today, tomorrow and in PostgreSQL.

Version 1: the version (one byte), then the number of fields, then each field as type, length (-1: no value)
and value; numbers are 32 bits, high byte first. Types and values are those of PostgreSQL's binary format: 25
is text (UTF-8), 20 a 64-bit integer, 701 a double, 1184 a time (microseconds since 2000-01-01 UTC). So the
database can send exactly these bytes, made of the columns as they are now (``record_send``), and a row is
verified without being read field by field. ``metadata`` is text: JSON with ``, `` and ``: ``, the shortest
name first, names of one length by their bytes.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring as _quoted  # characters beyond ASCII stay as they are
from operator import attrgetter
from struct import Struct

from control_plane.model.audit import AuditEvent

VERSION = b"\x01"
TEXTS = (
    "event_id",
    "reporter",
    "row_id",
    "event_type",
    "direction",
    "correlation_id",
    "source_node",
    "target_node",
    "principal",
    "principal_org",
    "resource",
    "capability",
    "action",
    "decision",
    "reason",
    "policy_id",
    "peer_serial",
    "peer_fingerprint",
)
FIELDS = (*TEXTS, "metadata", "timestamp", "status", "duration_ms", "bytes")
"""The fields of a record, in their order."""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TEXT, _INTEGER, _DOUBLE, _TIME = 25, 20, 701, 1184
_HEAD = VERSION + Struct(">i").pack(len(FIELDS))
_prefix = Struct(">ii").pack
_whole = Struct(">iiq").pack
_real = Struct(">iid").pack
_length = Struct(">i").unpack_from
_ID = 12  # bytes before the first field's value: the number of fields, type, length
_NO_INTEGER = _prefix(_INTEGER, -1)
_NO_DOUBLE = _prefix(_DOUBLE, -1)
_texts = attrgetter(*TEXTS)
_SHORT = 512
_short = [_prefix(_TEXT, size) for size in range(_SHORT)]


def encode(event: AuditEvent, metadata_json: str | None = None) -> bytes:
    """The record of an event that PostgreSQL can hold (no NUL, no lone surrogate, a time with its zone).

    ``metadata_json`` is the event's ``metadata_text``, where that is known already.
    """
    parts = [_HEAD]
    for text in _texts(event):
        value = text.encode()
        parts += _short[len(value)] if len(value) < _SHORT else _prefix(_TEXT, len(value)), value
    metadata = (metadata_text(event.metadata) if metadata_json is None else metadata_json).encode()
    duration = event.duration_ms
    parts += (
        _prefix(_TEXT, len(metadata)),
        metadata,
        _whole(_TIME, 8, microseconds(event.timestamp)),
        _NO_INTEGER if event.status is None else _whole(_INTEGER, 8, event.status),
        _NO_DOUBLE if duration is None else _real(_DOUBLE, 8, duration),
        _NO_INTEGER if event.bytes is None else _whole(_INTEGER, 8, event.bytes),
    )
    return b"".join(parts)


def leaf_hash(record: bytes) -> bytes:
    """The leaf of a record (RFC 6962, 2.1)."""
    return sha256(b"\x00" + record).digest()


def metadata_text(metadata: dict[str, str]) -> str:
    """The metadata as PostgreSQL writes a jsonb: the shortest name first, then by bytes."""
    members = [f"{_quoted(name)}: {_quoted(metadata[name])}" for name in _order(tuple(metadata))]
    return "{" + ", ".join(members) + "}"


@lru_cache(maxsize=256)
def _order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: (len(encoded := name.encode()), encoded)))


def event_id_of(record: bytes) -> str:
    """The event's id in a record without its version; empty when it has none."""
    size = _length(record, 8)[0] if len(record) >= _ID else 0
    return record[_ID : _ID + max(size, 0)].decode(errors="replace")


def microseconds_of(day: date) -> int:
    """When a day begins (UTC)."""
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH) // _MICROSECOND


def microseconds(moment: datetime) -> int:
    """A time as the number that PostgreSQL keeps."""
    return (moment - _EPOCH) // _MICROSECOND
