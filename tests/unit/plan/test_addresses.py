"""Which addresses may be dialled, or given to Envoy."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis.strategies import ip_addresses

from control_plane.plan.addresses import AddressPolicy, is_local

PUBLIC = AddressPolicy()
PRIVATE = AddressPolicy.of(["10.0.0.0/8", "fd00::/8"])


def allows(policy: AddressPolicy, address: str) -> bool:
    return not policy.objection(address)


INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "::127.0.0.1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "0.0.0.0",  # noqa: S104 - judged, not bound
    "0.1.2.3",
    "::",
    "169.254.169.254",
    "169.254.1.1",
    "::ffff:169.254.169.254",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd12::1",
    "fec0::1",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "198.18.0.1",
    "192.0.2.1",
    "2001:db8::1",
    "::ffff:0:1.2.3.4",
    "3fff::1",
    "4000::1",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "1.2.3.4%1",
    "01.2.3.4",
]
NEVER = [
    "169.254.169.254",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "224.0.0.1",
    "0.0.0.0",  # noqa: S104 - judged, not bound
    "::",
    "192.0.0.192",
]


@pytest.mark.parametrize("address", [*INSIDE, "", "1.2.3.4 "])
def test_addresses_that_lead_inside_are_refused(address: str) -> None:
    assert not allows(PUBLIC, address)


@pytest.mark.parametrize("address", ["8.8.8.8", "193.0.6.139", "2a00:1450:4001::1", "::ffff:8.8.8.8"])
def test_public_addresses_may_be_dialled(address: str) -> None:
    assert allows(PUBLIC, address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1"])
def test_private_addresses_may_be_dialled_where_an_operator_allowed_their_network(address: str) -> None:
    assert allows(PRIVATE, address)
    assert not allows(PUBLIC, address)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_dialled_whatever_is_allowed(address: str) -> None:
    policy = AddressPolicy.of(["0.0.0.0/0", "::/0"])

    assert not allows(policy, address)
    assert allows(policy, "127.0.0.1")


@pytest.mark.parametrize("address", ["10.0.0.1", "fe80::1%eth0", "192.168.1.1", "fd12::1", "::ffff:10.0.0.1"])
def test_honest_hosts_have_local_addresses_beside_public_ones(address: str) -> None:
    assert is_local(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "fd00:ec2::254", "224.0.0.1", "8.8.8.8", "x"]
)
def test_other_addresses_are_no_accident(address: str) -> None:
    assert not is_local(address)


@given(ip_addresses(v=4))
def test_an_ipv4_address_and_its_ipv6_form_are_judged_alike(address: IPv4Address) -> None:
    assert allows(PUBLIC, str(address)) == allows(PUBLIC, f"::ffff:{address}")


@given(ip_addresses())
def test_only_unicast_addresses_of_the_public_internet_pass(address: IPv4Address | IPv6Address) -> None:
    if allows(PUBLIC, str(address)):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_loopback
        assert not address.is_link_local
