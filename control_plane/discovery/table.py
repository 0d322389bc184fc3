"""Every source that there is: a kind, and what makes a source of it from its options."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from control_plane.discovery.consul import ConsulSource
from control_plane.discovery.dns_sd import DnsSd
from control_plane.discovery.manual import ManualFile
from control_plane.discovery.mdns import Mdns
from control_plane.discovery.plugins import Plugins, load
from control_plane.model.sighting import SourceKind
from control_plane.ports.source import Source

Factory = Callable[[Any], Source]  # each takes the options of its kind

BUILT_INS: Mapping[SourceKind, Factory] = {
    SourceKind.DNS_SD: DnsSd,
    SourceKind.MDNS: Mdns,
    SourceKind.CONSUL: ConsulSource,
    SourceKind.MANUAL: ManualFile,
}


def sources(wanted: Iterable[tuple[SourceKind, object]], plugins: Plugins) -> list[Source]:
    """A source for each pair of a kind and its options, and then the plugins. ValueError for equal names."""
    made = [BUILT_INS[kind](options) for kind, options in wanted] + load(plugins)
    names = [source.name for source in made]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        message = f"expected sources with different names, got {', '.join(sorted(twice))} twice"
        raise ValueError(message)
    return made
