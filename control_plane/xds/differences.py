"""What one stream's gateway should have, resource by resource, and how far it got (pure)."""

from collections.abc import Iterable, Iterator

from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse

from control_plane.model.delivery import Difference, Progress
from control_plane.model.xds import LISTENER
from control_plane.xds.channel import Channel


def differences(channels: Iterable[Channel]) -> tuple[Difference, ...]:
    """Every resource that was asked for, by type and name."""
    found = [each for channel in channels for each in _of(channel)]
    return tuple(sorted(found, key=lambda each: (each.type_url, each.name)))


def _of(channel: Channel) -> Iterator[Difference]:
    in_flight = {entry.name for sent in channel.in_flight.values() for entry in sent.entries}
    waiting = set(channel.owed)
    waiting.update(name for _, names in channel.groups for name in names)
    waiting.update(entry.name for entry in channel.pending())
    for name, version in channel.shelf.versions().items():
        if not channel.asked.wants(name):
            continue
        refusal = channel.refused.get(name)
        if refusal is not None and refusal.version == version:
            yield Difference(channel.type_url, name, version, Progress.REFUSED, refusal.detail)
        elif name in in_flight:
            yield Difference(channel.type_url, name, version, Progress.IN_FLIGHT)
        elif name in waiting:
            yield Difference(channel.type_url, name, version, Progress.WAITING)
        else:
            chains = _chains(channel, name) if channel.type_url == LISTENER else ()
            yield Difference(channel.type_url, name, version, Progress.ACKNOWLEDGED, chains=chains)


def _chains(channel: Channel, name: str) -> tuple[str, ...]:
    """The names of a listener's filter chains."""
    entry = channel.shelf.get(name)
    if entry is None:
        return ()
    (sent,) = DeltaDiscoveryResponse.FromString(entry.frame).resources
    return tuple(chain.name for chain in Listener.FromString(sent.resource.value).filter_chains)
