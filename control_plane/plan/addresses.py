"""Which addresses that strangers name may be dialled, or given to Envoy. Resolving is the caller's.

The rule is applied to addresses, after resolution, and what was checked is what is used: a name that is
resolved again could lead elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

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
# What honest hosts have beside their public addresses, and what leads nowhere from elsewhere.
_LOCAL: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
        *("fc00::/7", "fe80::/10"),
    )
)


def is_local(text: str) -> bool:
    """Whether a host may have this address beside others without meaning any harm."""
    try:
        address = _plain(ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    return _within(address, _LOCAL) and not _within(address, _NEVER)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Public addresses, and those of ``allowed`` networks (private ranges that partners are known to use)."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> "AddressPolicy":
        """Read the networks of a setting; ValueError for what is none."""
        return cls(tuple(ip_network(text) for text in networks))

    def objection(self, text: str) -> str:
        """Why an address is refused, empty when it is not."""
        try:
            address = ip_address(text)
        except ValueError:
            return "which is no address"
        if "%" in text:
            return "which has a zone"
        plain = _plain(address)
        if _within(plain, _NEVER):
            return "which is never dialled"
        if _within(plain, self.allowed):
            return ""
        if _within(plain, _TRANSLATED):
            return "which hides an IPv4 address"
        public = plain.is_global and (plain.version == 4 or plain in _GLOBAL_IPV6)  # noqa: PLR2004 - IPv4
        return "" if public and plain not in _DOCUMENTATION else "which is not public"


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address that came in IPv6 clothes (::ffff:a.b.c.d), which the system dials as IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _within(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
