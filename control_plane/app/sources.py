"""The discovery sources that the settings name."""

from control_plane.app.settings import Settings
from control_plane.app.source_settings import parse_server, words
from control_plane.discovery.consul_http import ConsulOptions
from control_plane.discovery.dns_exchange import Server
from control_plane.discovery.dns_sd import DnsOptions
from control_plane.discovery.manual import FileOptions
from control_plane.discovery.mdns import Advertised, MdnsOptions, nothing
from control_plane.discovery.plugins import Plugins
from control_plane.discovery.table import sources
from control_plane.model.sighting import SourceKind
from control_plane.ports.source import Source

Wanted = tuple[SourceKind, object]


def sources_of(settings: Settings, advertised: Advertised = nothing) -> list[Source]:
    """Every source, the built-in ones first; ``advertised`` is what mDNS announces of ours."""
    plugins = Plugins(allowed=tuple(words(settings.sources_allowed)), options=settings.source_options)
    built_in = [*_manual(settings), *_consul(settings), *_dns_sd(settings), *_mdns(settings, advertised)]
    return sources(built_in, plugins)


def _manual(settings: Settings) -> list[Wanted]:
    file = settings.nodes_file
    return [(SourceKind.MANUAL, FileOptions(path=file.expanduser().absolute()))] if file else []


def _consul(settings: Settings) -> list[Wanted]:
    if not settings.consul_address:
        return []
    datacenters = words(settings.consul_datacenters) or [""]
    return [(SourceKind.CONSUL, consul_options(settings, name)) for name in datacenters]


def _dns_sd(settings: Settings) -> list[Wanted]:
    servers = tuple(Server(*address) for address in map(parse_server, words(settings.dns_servers)))
    options = [
        DnsOptions(
            domain=domain,
            servers=servers,
            floor=settings.dns_floor_seconds,
            require_dnssec=settings.dns_require_dnssec,
        )
        for domain in words(settings.dns_domains)
    ]
    return [(SourceKind.DNS_SD, one) for one in options]


def _mdns(settings: Settings, advertised: Advertised) -> list[Wanted]:
    announce = advertised if settings.mdns_advertise else nothing
    interfaces = words(settings.mdns_interfaces)
    return [(SourceKind.MDNS, MdnsOptions(interface=name, advertised=announce)) for name in interfaces]


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
