"""Addresses that partners name, judged by the one policy; a bad one is refused with peering's own code."""

from collections.abc import Iterable

from control_plane.peering.refusal import RefusedError
from control_plane.plan.addresses import AddressPolicy


def check(policy: AddressPolicy, address: str) -> None:
    """Raise RefusedError ``forbidden_address`` unless ``address`` may be dialled."""
    reason = policy.objection(address)
    if reason:
        raise RefusedError(
            "forbidden_address",
            f"expected an address that may be dialled, got {ascii(address)[:60]}, {reason}:"
            " if a partner really is there, add its network to partner_networks",
        )


def choose(policy: AddressPolicy, addresses: Iterable[str]) -> tuple[str, ...]:
    """Those of ``addresses`` that may be dialled; ``forbidden_address`` when there is none."""
    every = tuple(dict.fromkeys(addresses))
    good = tuple(address for address in every if not policy.objection(address))
    if not good:
        shown = ", ".join(f"{ascii(address)[:60]} ({policy.objection(address)})" for address in every[:4])
        raise RefusedError(
            "forbidden_address", f"expected an address that may be dialled, got {shown or 'none at all'}"
        )
    return good
