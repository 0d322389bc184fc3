"""A network interface by its name: its addresses, and whether it can be used now."""

import socket
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

import ifaddr

from control_plane.model.identity import shown

_STATES = Path("/sys/class/net")  # Linux; elsewhere an interface with an address counts as usable
_ADDRESSES = Path("/proc/net/if_inet6")
_UNREADY = 0x40 | 0x08  # IFA_F_TENTATIVE, IFA_F_DADFAILED
_USABLE = {"up", "unknown"}  # RFC 2863; the loopback interface is always "unknown"


class UnusableError(Exception):
    """The interface cannot be used; the text is one clause for an operator."""


class Interface(NamedTuple):
    """A usable interface. ``v6`` are its IPv6 addresses, link-local ones included."""

    name: str
    number: int
    v4: tuple[str, ...]
    v6: tuple[str, ...]

    @property
    def public(self) -> tuple[str, ...]:
        """The addresses that others on the link can be told."""
        return (*self.v4, *(address for address in self.v6 if not ip_address(address).is_link_local))


def find(name: str) -> Interface:
    """The interface as it is now; UnusableError says why it cannot be used."""
    try:
        number = socket.if_nametoindex(name)
    except OSError as error:
        raise UnusableError(f"there is no interface {shown(name)}") from error
    state = _state(name)
    if state not in _USABLE:
        raise UnusableError(f"interface {name} is {state}")
    addresses = [ip.ip for adapter in ifaddr.get_adapters() if adapter.name == name for ip in adapter.ips]
    v4 = sorted({one for one in addresses if isinstance(one, str)})
    ready = {one[0] for one in addresses if not isinstance(one, str)} - _tentative(name)
    v6 = sorted(one for one in ready if not ip_address(one).is_loopback)
    if not v4 and not v6:
        raise UnusableError(f"interface {name} has no address")
    return Interface(name, number, tuple(v4), tuple(v6))


def _tentative(name: str) -> set[str]:
    """IPv6 addresses that cannot be used yet: whether somebody else has them is still being asked."""
    try:
        lines = _ADDRESSES.read_text(encoding="ascii").splitlines()
    except OSError:
        return set()  # not Linux, or no IPv6
    fields = [line.split() for line in lines]
    return {
        str(IPv6Address(bytes.fromhex(address)))
        for address, _number, _prefix, _scope, flags, device in fields
        if device == name and int(flags, 16) & _UNREADY
    }


def _state(name: str) -> str:
    try:
        return (_STATES / name / "operstate").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return "gone" if _STATES.exists() else "up"
    except OSError as error:  # it goes while it is looked at
        return str(error.strerror)
