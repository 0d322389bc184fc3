"""Putting serialised parts together without parsing them.

A protobuf message is the concatenation of its fields, and a repeated field is the concatenation of its
elements (Protocol Buffers, "Encoding"), so a part that did not change is never serialised again.
"""

_LENGTH_DELIMITED = 2
_MORE = 0x80


def varint(number: int) -> bytes:
    """``number`` (from 0) in base 128, least significant group first."""
    out = bytearray()
    while number >= _MORE:
        out.append(number & (_MORE - 1) | _MORE)
        number >>= 7
    out.append(number)
    return bytes(out)


def delimited(field: int, body: bytes) -> bytes:
    """One string, bytes or message field."""
    return varint(field << 3 | _LENGTH_DELIMITED) + varint(len(body)) + body


def number(field: int, value: int) -> bytes:
    """One unsigned integer field."""
    return varint(field << 3) + varint(value)
