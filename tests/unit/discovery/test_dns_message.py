"""DNS messages: what dnspython writes is read, and no bytes do any harm."""

import struct

import dns.message
import pytest
from dns.name import from_text
from hypothesis import given
from hypothesis import strategies as st

from control_plane.discovery.dns_message import (
    MessageError,
    Question,
    Record,
    RecordType,
    Srv,
    encode,
    header,
    records,
)
from tests.unit.discovery.dns_world import message

NAME = from_text("gw-1._proxenia._tcp.luebeck.example.")
ASKED = Question(NAME, RecordType.SRV)


def read_all(wire: bytes, question: Question = ASKED) -> list[Record]:
    return list(records(wire, header(wire, question)))


def test_a_question_is_what_dnspython_reads() -> None:
    query = dns.message.from_wire(encode(ASKED, 4711))

    assert query.id == 4711
    assert [(one.name, int(one.rdtype)) for one in query.question] == [(NAME, int(RecordType.SRV))]
    assert (query.edns, query.payload) == (0, 1232)
    assert dns.flags.to_text(query.flags) == "RD AD"


def test_every_type_that_is_used_is_read() -> None:
    wire = message(
        ASKED,
        f"{NAME} 60 SRV 1 2 8443 host.luebeck.example.",
        f'{NAME} 60 TXT "org=luebeck.example" "a=b"',
        f"{NAME} 60 PTR other.example.",
        f"{NAME} 60 CNAME alias.example.",
        f"{NAME} 60 MX 1 mail.example.",
        additional=("host.luebeck.example. 7 A 192.0.2.1", "host.luebeck.example. 7 AAAA 2001:db8::1"),
    )

    found = {(one.rtype.name, one.section): (one.ttl, one.data) for one in read_all(wire)}

    assert found == {
        ("SRV", 0): (60, Srv(1, 2, 8443, from_text("host.luebeck.example."))),
        ("TXT", 0): (60, (b"org=luebeck.example", b"a=b")),
        ("PTR", 0): (60, from_text("other.example.")),
        ("CNAME", 0): (60, from_text("alias.example.")),
        ("A", 2): (7, "192.0.2.1"),
        ("AAAA", 2): (7, "2001:db8::1"),
    }


def test_a_ttl_with_its_highest_bit_set_is_none() -> None:
    wire = message(ASKED, f"{NAME} 1 A 192.0.2.1").replace(
        struct.pack("!HHIH", 1, 1, 1, 4), struct.pack("!HHIH", 1, 1, 1 << 31, 4)
    )

    assert [one.ttl for one in read_all(wire)] == [0]


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\x00" * 11,
        encode(ASKED, 7),
        message(Question(from_text("other.example."), RecordType.SRV)),
        message(Question(NAME, RecordType.TXT)),
    ],
    ids=["empty", "short", "a query", "of another name", "of another type"],
)
def test_what_does_not_answer_the_question_is_refused(wire: bytes) -> None:
    with pytest.raises(MessageError):
        header(wire, ASKED)


def test_the_case_of_the_name_does_not_matter() -> None:
    wire = message(Question(from_text("GW-1._Proxenia._tcp.luebeck.EXAMPLE."), RecordType.SRV), rcode=3)

    assert header(wire, ASKED).rcode_text == "NXDOMAIN"


def _pointing(offset: int) -> bytes:
    """An answer whose record is named by a pointer to ``offset``."""
    wire = message(ASKED)
    record = struct.pack("!HHHIH", 0xC000 | offset, 12, 1, 60, 2) + b"\xc0\x0c"
    return wire[:6] + b"\x00\x01" + bytes(4) + wire[12:-11] + record


def test_pointers_that_lead_nowhere_are_refused() -> None:
    place = len(message(ASKED)) - 11  # of the record, and so of the pointer
    assert len(read_all(_pointing(12))) == 1

    for offset in (place, place + 2, 0x3FFF):
        with pytest.raises(MessageError):
            read_all(_pointing(offset))


@given(st.binary(max_size=600))
def test_whatever_the_bytes_nothing_but_a_message_error_comes_out(wire: bytes) -> None:
    try:
        read_all(wire)
    except MessageError as error:
        assert str(error).isprintable()  # noqa: PT017 - either is right, and this one has a text


@given(st.data())
def test_nor_when_a_good_message_is_damaged(data: st.DataObject) -> None:
    good = message(
        ASKED,
        f"{NAME} 60 SRV 1 2 8443 host.luebeck.example.",
        f'{NAME} 60 TXT "org=luebeck.example"',
        additional=("host.luebeck.example. 7 AAAA 2001:db8::1",),
    )
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(good)))])

    for wire in (bytes(damaged), cut):
        try:
            read_all(wire)
        except MessageError as error:
            assert str(error).isprintable()  # noqa: PT017 - either is right, and this one has a text
