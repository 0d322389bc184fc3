"""Our gateways in Consul, as the settings say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from control_plane import __version__
from control_plane.app.settings import Settings
from control_plane.app.sources import consul_options
from control_plane.discovery.consul_register import MAX_GATEWAYS, OwnService, Registrar
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.store.database import Database

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


def registrar_of(settings: Settings, database: Database) -> Registrar | None:
    """What registers them; None when nothing shall be."""
    if settings.consul_register == "no":
        return None
    return Registrar(
        options=consul_options(settings),
        way=settings.consul_register,
        services=_Own(settings, database),
        singleton=database.singleton,
    )


@dataclass(frozen=True, slots=True)
class _Own:
    """Every gateway that has an address for partners."""

    settings: Settings
    database: Database

    async def __call__(self) -> Sequence[OwnService]:
        stored = await self.database.objects.page(Kind.GATEWAY, limit=MAX_GATEWAYS)
        connected = {state.gateway for state in await self.database.deliveries.all() if state.connected}
        gateways = (one.value for one in stored if isinstance(one.value, Gateway))
        found = (self._service(gateway) for gateway in gateways)
        return [replace(one, alive=one.gateway in connected) for one in found if one is not None]

    def _service(self, gateway: Gateway) -> OwnService | None:
        host = gateway.ingress.host
        host = self.settings.gateway_address if host in _EVERYWHERE else host
        if not host:
            return None
        meta = {
            "txtvers": "1",
            "org": self.settings.trust_domain,
            "spiffe": gateway.spiffe_id,
            "node": gateway.id,
            "version": __version__,
        }
        return OwnService(gateway=gateway.id, host=host, port=gateway.ingress.port, meta=meta)
