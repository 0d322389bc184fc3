"""What control planes say to each other about their audits: questions, answers, and their bounds.

Numbers of microseconds since the epoch are times; bytes are hex, and where there are many, base64.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import ClassVar, Literal

from control_plane.chain.crossing import HALF, KEY_BYTES
from control_plane.chain.reconcile import (
    ITEMS_AT_ONCE,
    PARTS_AT_ONCE,
    Answer,
    Items,
    Parts,
    Question,
    Whole,
)
from control_plane.chain.record_set import FAN_OUT, MAX_DEPTH, Print
from control_plane.model.problem import InvalidValueError
from control_plane.model.reconciliation import FIELDS, Crossing, Interval
from control_plane.peering.messages import Envelope
from control_plane.peering.refusal import RefusedError

AUDIT_PURPOSE = "audit"
MAX_NAMES = 500  # hashes that are named in one answer
MAX_KNOWN = 32  # crossings that are told in one answer; each may have a path and an identity of 2 KB

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_DIGITS = 18
_MAX_TIME = 1 << 55  # the year 3111
_PRINT = Struct(">Q32s")


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """About the crossings of the pair in an interval, hashed with ``key``.

    ``ask`` says which of the lists has something: ``whole`` and ``fields`` none, ``parts`` and ``items`` the
    names of ranges, ``names`` hashes of correlation ids, ``known`` correlation ids.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    TYP: ClassVar[str] = "proxenia-audit-question+jwt"

    envelope: Envelope
    since: int
    until: int
    key: str
    fields: tuple[str, ...]
    ask: Literal["fields", "whole", "parts", "items", "names", "known"]
    names: tuple[str, ...] = ()

    @property
    def interval(self) -> Interval:
        """The interval; RefusedError when it is none."""
        if not 0 <= self.since < self.until <= _MAX_TIME:
            raise RefusedError("malformed_message", "expected an interval of time, got something else")
        return Interval(moment(self.since), moment(self.until))

    def question(self) -> Question:
        """What is asked of a record set; RefusedError when it is too much, or nothing."""
        if self.ask == "whole" and not self.names:
            return Whole()
        prefixes = tuple(unhex(name, most=MAX_DEPTH) for name in self.names)
        if self.ask == "parts" and 0 < len(prefixes) <= PARTS_AT_ONCE:
            return Parts(prefixes)
        if self.ask == "items" and 0 < len(prefixes) <= ITEMS_AT_ONCE:
            return Items(prefixes)
        raise RefusedError("malformed_message", "expected a question about ranges, within its limits")

    def check(self) -> None:
        """Raise RefusedError unless key and fields have their form."""
        if len(unhex(self.key, most=KEY_BYTES)) != KEY_BYTES:
            raise RefusedError("malformed_message", f"expected a key of {KEY_BYTES} bytes")
        if not self.fields or tuple(name for name in FIELDS if name in self.fields) != self.fields:
            raise RefusedError("malformed_message", "expected fields of a crossing in their order")


@dataclass(frozen=True, slots=True)
class Told:
    """One crossing, as a partner may see it; ``values`` as ``chain.crossing.shown`` makes them."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    correlation_id: str
    at: int
    values: dict[str, str]

    def crossing(self) -> Crossing:
        """The same as a value; RefusedError when something is missing."""
        if set(self.values) != set(FIELDS) or not 0 <= self.at <= _MAX_TIME:
            raise RefusedError("unexpected_answer", "expected every field of a crossing, and its time")
        return Crossing(self.correlation_id, moment(self.at), self.values)


@dataclass(frozen=True, slots=True)
class AuditAnswer:
    """``question`` is the digest of the message that is answered; ``fields`` those that both sides compare.

    ``ready`` false: the rows are still being read, ask again; ``names`` says how many were read so far.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    TYP: ClassVar[str] = "proxenia-audit-answer+jwt"

    envelope: Envelope
    question: str
    fields: tuple[str, ...]
    ready: bool = True
    packed: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()

    @property
    def read(self) -> int:
        """How many rows were read so far, as the partner says; 0 when it does not say."""
        told = "" if self.ready else "".join(self.names[:1])
        return int(told) if told.isascii() and told.isdecimal() and len(told) <= _MAX_DIGITS else 0

    def answer(self, question: Question) -> Answer:
        """What is answered about a record set; RefusedError when it has not even the form of an answer."""
        packed = tuple(_unpack(one) for one in self.packed)
        if isinstance(question, Whole) and len(packed) == 1 and len(packed[0]) == _PRINT.size:
            return Print(*_PRINT.unpack(packed[0]))
        if isinstance(question, Parts) and all(len(one) == FAN_OUT * _PRINT.size for one in packed):
            return tuple(tuple(Print(*each) for each in _PRINT.iter_unpack(one)) for one in packed)
        if isinstance(question, Items):
            return packed
        raise RefusedError("unexpected_answer", "expected an answer to the question, got another")


def asked(question: Question) -> tuple[Literal["whole", "parts", "items"], tuple[str, ...]]:
    """How a question about a record set is written."""
    match question:
        case Whole():
            return "whole", ()
        case Parts(prefixes):
            return "parts", tuple(prefix.hex() for prefix in prefixes)
        case Items(prefixes):
            return "items", tuple(prefix.hex() for prefix in prefixes)


def packed(answer: Answer) -> tuple[str, ...]:
    """How an answer about a record set is written."""
    if isinstance(answer, Print):
        return (_pack(_PRINT.pack(answer.size, answer.digest)),)
    return tuple(
        _pack(
            one if isinstance(one, bytes) else b"".join(_PRINT.pack(each.size, each.digest) for each in one)
        )
        for one in answer
    )


def hashes(names: tuple[str, ...]) -> list[bytes]:
    """The hashes of correlation ids; RefusedError when there are too many."""
    if not 0 < len(names) <= MAX_NAMES:
        raise RefusedError("malformed_message", f"expected 1 to {MAX_NAMES} hashes, got {len(names)}")
    found = [unhex(name, most=HALF) for name in names]
    if any(len(one) != HALF for one in found):
        raise RefusedError("malformed_message", f"expected hashes of {HALF} bytes")
    return found


def moment(microseconds: int) -> datetime:
    """The time that a number stands for."""
    return _EPOCH + microseconds * _MICROSECOND


def microseconds(time: datetime) -> int:
    """The number that stands for a time."""
    return (time - _EPOCH) // _MICROSECOND


def unhex(text: str, *, most: int) -> bytes:
    """At most ``most`` bytes in lower-case hex."""
    try:
        raw = bytes.fromhex(text) if len(text) <= 2 * most else None
    except ValueError:
        raw = None
    if raw is None or raw.hex() != text:
        raise RefusedError("malformed_message", f"expected at most {most} bytes in hex, got something else")
    return raw


def _pack(raw: bytes) -> str:
    return b64encode(raw).decode()


def _unpack(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise RefusedError("unexpected_answer", "expected base64, got something else") from error


def interval_of(since: datetime, until: datetime) -> Interval:
    """An interval of whole microseconds, as messages can name it."""
    if not 0 <= microseconds(since) < microseconds(until) <= _MAX_TIME:
        raise InvalidValueError("bad_interval", "expected two times after 1970, the earlier first")
    return Interval(moment(microseconds(since)), moment(microseconds(until)))
