"""What mDNS announces of ours: the gateways that registered, at the addresses that partners are told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from time import monotonic

from control_plane.discovery.mdns_advertise import Advertisement
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.ports.errors import UnavailableError
from control_plane.ports.objects import Objects

EVERY = 5.0  # seconds between two readings
MAX_GATEWAYS = 100
_ANY = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound


@dataclass(slots=True)
class OurGateways:
    """Callable as often as one likes. ``address`` replaces a host that only means "every interface"."""

    objects: Objects
    address: str = ""
    _read_at: float = float("-inf")
    _known: Sequence[Advertisement] = field(default=())

    async def __call__(self) -> Sequence[Advertisement]:
        """Our gateways; while the database is away, those of before."""
        if monotonic() - self._read_at < EVERY:
            return self._known
        self._read_at = monotonic()
        try:
            stored = await self.objects.page(Kind.GATEWAY, limit=MAX_GATEWAYS)
        except UnavailableError:
            return self._known
        gateways = [one.value for one in stored if isinstance(one.value, Gateway)]
        self._known = [self._of(one) for one in gateways if not ip_address(one.ingress.host).is_loopback]
        return self._known

    def _of(self, gateway: Gateway) -> Advertisement:
        host = gateway.ingress.host
        return Advertisement(
            node_id=gateway.id,
            organisation=gateway.spiffe_id.trust_domain,
            spiffe_id=gateway.spiffe_id,
            port=gateway.ingress.port,
            address=self.address if host in _ANY else host,
        )
