"""Which addresses that strangers name may be dialled. Pure: resolving and dialling are the caller's.

The rule is applied to addresses, after resolution, and what was checked is what is dialled: a name that is
resolved again could lead elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from control_plane.peering.refusal import RefusedError

Network = IPv4Network | IPv6Network

# Never dialled, whatever is allowed: nobody federates with these, and cloud metadata services hand out
# credentials.
_NEVER: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.169.254/32",  # metadata of AWS, Azure, Google Cloud and others
        "169.254.170.2/32",  # credentials of AWS containers
        "168.63.129.16/32",  # Azure's platform, a public address
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "192.0.0.192/32",  # metadata of Oracle Cloud
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fd00:ec2::254/128",  # metadata of AWS
        "ff00::/8",
    )
)
_GLOBAL_IPV6 = ip_network("2000::/3")  # all that IANA has given out for global unicast
_DOCUMENTATION = ip_network("3fff::/20")  # RFC 9637, newer than some versions of the library
# IPv6 forms that carry an IPv4 address to somebody's translator: what is behind cannot be known.
_TRANSLATED: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Public addresses, and those of ``allowed`` networks (private ranges that partners are known to use)."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> "AddressPolicy":
        """Read the networks of a setting; ValueError for what is none."""
        return cls(tuple(ip_network(text) for text in networks))

    def check(self, address: str) -> None:
        """Raise RefusedError ``forbidden_address`` unless ``address`` may be dialled."""
        reason = self._objection(address)
        if reason:
            raise RefusedError(
                "forbidden_address",
                f"expected an address that may be dialled, got {ascii(address)[:60]}, {reason}:"
                " if a partner really is there, add its network to partner_networks",
            )

    def choose(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """Those of ``addresses`` that may be dialled; ``forbidden_address`` when there is none."""
        every = tuple(dict.fromkeys(addresses))
        good = tuple(address for address in every if not self._objection(address))
        if not good:
            shown = ", ".join(f"{ascii(address)[:60]} ({self._objection(address)})" for address in every[:4])
            raise RefusedError(
                "forbidden_address", f"expected an address that may be dialled, got {shown or 'none at all'}"
            )
        return good

    def _objection(self, text: str) -> str:
        """Why an address is refused, empty when it is not."""
        try:
            address = ip_address(text)
        except ValueError:
            return "which is no address"
        if "%" in text:
            return "which has a zone"
        plain = _plain(address)
        if any(plain in network for network in _NEVER):
            return "which is never dialled"
        if any(plain in network for network in self.allowed):
            return ""
        if any(plain in network for network in _TRANSLATED):
            return "which hides an IPv4 address"
        public = plain.is_global and (plain.version == 4 or plain in _GLOBAL_IPV6)  # noqa: PLR2004 - IPv4
        return "" if public and plain not in _DOCUMENTATION else "which is not public"


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address that came in IPv6 clothes (::ffff:a.b.c.d), which the system dials as IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
