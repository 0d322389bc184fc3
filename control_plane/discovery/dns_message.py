"""DNS messages (RFC 1035, section 4): one question out, and the records of an answer, one at a time.

dnspython reads a whole message in one piece: a browse answer of 64 KB takes it 0.1 s, and the event loop with
it. Here names are dnspython's, and the walk over the records is a generator, so that a caller can pause in
it. Nothing but MessageError comes out, whatever the bytes are.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from dns.exception import DNSException
from dns.name import Name, from_wire

_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")  # type, class, TTL, length of the data
_SRV = struct.Struct("!HHH")
_IN = 1
_OPT = b"\x00" + _RECORD.pack(41, 1232, 0, 0)  # EDNS(0): answers of up to 1,232 bytes over UDP (RFC 6891)

_RESPONSE, _OPCODE, _AUTHORITATIVE, _TRUNCATED = 0x8000, 0x7800, 0x0400, 0x0200
_RECURSION_DESIRED, _AUTHENTIC, _RCODE = 0x0100, 0x0020, 0x000F
_TTL_MOST = 0x7FFFFFFF  # RFC 2181, section 8: beyond it, a TTL counts as 0

ANSWER, AUTHORITY, ADDITIONAL = range(3)  # sections


class MessageError(Exception):
    """The bytes are not an answer to what was asked."""


class RecordType(IntEnum):
    """The types that are asked for, or met on the way."""

    A = 1
    CNAME = 5
    SOA = 6
    PTR = 12
    TXT = 16
    AAAA = 28
    SRV = 33


class ResponseCode(IntEnum):
    """RFC 1035, section 4.1.1; others are shown by number."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5


class Question(NamedTuple):
    """What is asked, in class IN."""

    name: Name
    rtype: RecordType


class Srv(NamedTuple):
    """RFC 2782."""

    priority: int
    weight: int
    port: int
    target: Name


Data = Name | Srv | tuple[bytes, ...] | str | int  # PTR and CNAME, SRV, TXT, an address, SOA's minimum


class Record(NamedTuple):
    """One record of a type that is known; ``ttl`` in seconds."""

    section: int
    name: Name
    rtype: RecordType
    ttl: int
    data: Data


@dataclass(frozen=True, slots=True)
class Header:
    """What stands at the beginning of an answer."""

    ident: int
    rcode: int
    authoritative: bool
    truncated: bool
    authentic: bool  # AD: the resolver validated it (RFC 4035, section 3.2.3)
    counts: tuple[int, int, int, int]

    @property
    def rcode_text(self) -> str:
        """The response code as operators know it."""
        known = {int(code) for code in ResponseCode}
        return ResponseCode(self.rcode).name if self.rcode in known else f"RCODE{self.rcode}"


def encode(question: Question, ident: int) -> bytes:
    """A query with recursion desired and with AD: whether it was validated is wanted (RFC 6840, 5.7)."""
    flags = _RECURSION_DESIRED | _AUTHENTIC
    name = question.name.to_wire()
    return (
        _HEADER.pack(ident, flags, 1, 0, 0, 1)
        + (name or b"\x00")
        + struct.pack("!HH", question.rtype, _IN)
        + _OPT
    )


def header(wire: bytes, question: Question) -> Header:
    """Read the beginning, and check that it answers ``question``."""
    try:
        ident, flags, *counts = _HEADER.unpack_from(wire)
        if not flags & _RESPONSE or flags & _OPCODE:
            raise MessageError("not an answer to a query")
        if counts[0] == 1:
            name, used = from_wire(wire, _HEADER.size)
            asked = struct.unpack_from("!HH", wire, _HEADER.size + used)
            if (name, *asked) != (question.name, question.rtype, _IN):
                raise MessageError("an answer to another question")
        elif counts[0] or not flags & _RCODE:  # an error may leave the question out
            raise MessageError(f"an answer to {counts[0]} questions")
    except (struct.error, DNSException) as error:
        raise MessageError("not a DNS message") from error
    return Header(
        ident=ident,
        rcode=flags & _RCODE,
        authoritative=bool(flags & _AUTHORITATIVE),
        truncated=bool(flags & _TRUNCATED),
        authentic=bool(flags & _AUTHENTIC),
        counts=(counts[0], counts[1], counts[2], counts[3]),
    )


def records(wire: bytes, head: Header) -> Iterator[Record]:
    """Every record of a known type, in the order of the message."""
    questions, *sections = head.counts
    offset = _HEADER.size
    try:
        for _ in range(questions):
            offset += from_wire(wire, offset)[1] + 4
        for section, count in enumerate(sections):
            for _ in range(count):
                name, used = from_wire(wire, offset)
                rtype, rclass, ttl, length = _RECORD.unpack_from(wire, offset + used)
                offset += used + _RECORD.size
                data = _data(wire, rtype, (offset, offset + length)) if rclass == _IN else None
                if data is not None:
                    yield Record(section, name, RecordType(rtype), ttl if ttl <= _TTL_MOST else 0, data)
                offset += length
    except (struct.error, ValueError, DNSException) as error:
        raise MessageError("a record that cannot be read") from error


def _data(wire: bytes, rtype: int, span: tuple[int, int]) -> Data | None:
    """The data of a record, None for a type that nobody asks for; ValueError when it is longer or shorter."""
    start, end = span
    if end > len(wire):
        raise ValueError("a record longer than its message")
    if rtype in {RecordType.PTR, RecordType.CNAME}:
        return _name(wire, start, end)
    if rtype == RecordType.SRV:
        priority, weight, port = _SRV.unpack_from(wire, start)
        return Srv(priority, weight, port, _name(wire, start + _SRV.size, end))
    if rtype == RecordType.TXT:
        return tuple(_strings(wire[start:end]))
    if rtype in {RecordType.A, RecordType.AAAA}:
        return str(IPv4Address(wire[start:end]) if rtype == RecordType.A else IPv6Address(wire[start:end]))
    return int.from_bytes(wire[end - 4 : end], "big") if rtype == RecordType.SOA else None


def _name(wire: bytes, start: int, end: int) -> Name:
    name, used = from_wire(wire, start)
    if start + used != end:
        raise ValueError("a name that does not fill its record")
    return name


def _strings(data: bytes) -> Iterator[bytes]:
    offset = 0
    while offset < len(data):
        end = offset + 1 + data[offset]
        if end > len(data):
            raise ValueError("a string longer than its record")
        yield data[offset + 1 : end]
        offset = end
