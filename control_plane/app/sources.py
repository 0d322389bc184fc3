"""The discovery sources that the settings name."""

from control_plane.app.settings import Settings
from control_plane.app.source_settings import words
from control_plane.discovery.consul_http import ConsulOptions
from control_plane.discovery.manual import FileOptions
from control_plane.discovery.plugins import Plugins
from control_plane.discovery.table import sources
from control_plane.model.sighting import SourceKind
from control_plane.ports.source import Source

Wanted = tuple[SourceKind, object]


def sources_of(settings: Settings) -> list[Source]:
    """Every source, the built-in ones first."""
    plugins = Plugins(allowed=tuple(words(settings.sources_allowed)), options=settings.source_options)
    return sources([*_manual(settings), *_consul(settings)], plugins)


def _manual(settings: Settings) -> list[Wanted]:
    file = settings.nodes_file
    return [(SourceKind.MANUAL, FileOptions(path=file.expanduser().absolute()))] if file else []


def _consul(settings: Settings) -> list[Wanted]:
    if not settings.consul_address:
        return []
    datacenters = words(settings.consul_datacenters) or [""]
    return [(SourceKind.CONSUL, consul_options(settings, name)) for name in datacenters]


def consul_options(settings: Settings, datacenter: str = "") -> ConsulOptions:
    """How Consul is asked."""
    return ConsulOptions(
        address=settings.consul_address,
        service=settings.consul_service,
        datacenter=datacenter,
        token_file=settings.consul_token_file,
        ca_file=settings.consul_ca_file,
        certificate_file=settings.consul_certificate_file,
        key_file=settings.consul_key_file,
    )
