"""Bad addresses are refused with peering's own code; which they are is the policy's affair."""

import pytest

from control_plane.peering.guard import check, choose
from control_plane.peering.refusal import RefusedError
from control_plane.plan.addresses import AddressPolicy

PUBLIC = AddressPolicy()


def allows(policy: AddressPolicy, address: str) -> bool:
    try:
        check(policy, address)
    except RefusedError:
        return False
    return True


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "localhost", ""])
def test_addresses_that_lead_inside_are_refused(address: str) -> None:
    assert not allows(PUBLIC, address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450:4001::1"])
def test_public_addresses_may_be_dialled(address: str) -> None:
    assert allows(PUBLIC, address)


def test_of_a_name_with_several_addresses_only_the_good_ones_are_dialled() -> None:
    chosen = choose(PUBLIC, ["8.8.8.8", "127.0.0.1", "10.0.0.1", "8.8.8.8", "2a00:1450:4001::1"])

    assert chosen == ("8.8.8.8", "2a00:1450:4001::1")


@pytest.mark.parametrize("addresses", [[], ["127.0.0.1"], ["10.0.0.1", "fe80::1"]])
def test_a_name_without_a_good_address_is_refused(addresses: list[str]) -> None:
    with pytest.raises(RefusedError) as caught:
        choose(PUBLIC, addresses)

    assert caught.value.code == "forbidden_address"
