"""Where control planes are reached."""

import pytest
from hypothesis import given
from hypothesis.strategies import integers, ip_addresses

from control_plane.model.peering import PeeringAddress, split_url
from control_plane.model.problem import InvalidValueError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("peering.luebeck.example:8444", "peering.luebeck.example", 8444),
        ("localhost:1", "localhost", 1),
        ("192.0.2.1:443", "192.0.2.1", 443),
        ("[2001:db8::1]:65535", "2001:db8::1", 65535),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, host: str, port: int) -> None:
    address = PeeringAddress.parse(text)

    assert address == PeeringAddress(host, port)
    assert str(address) == text


@given(ip_addresses(), integers(1, 65535))
def test_every_ip_address_can_be_one(address: object, port: int) -> None:
    made = PeeringAddress(str(address), port)

    assert PeeringAddress.parse(str(made)) == made
    assert split_url(made.url) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        ":1",
        "host:",
        "host:0",
        "host:65536",
        "host:1x",
        "host:٣",
        "Host:1",
        "a..b:1",
        "-a:1",
        "127.1:1",
        "2130706433:1",
        "0x7f000001:1",
        "2001:db8::1:443",
        "[fe80::1%eth0]:1",
        "a b:1",
        "a/b:1",
        "user@host:1",
        "host\n:1",
        "a" * 64 + ":1",
        ".".join(["a" * 60] * 5) + ":1",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        PeeringAddress.parse(text)
