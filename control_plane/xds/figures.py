"""What came of everything that one stream was sent, counted when somebody asks."""

from itertools import islice

from control_plane.model.delivery import Delivery
from control_plane.xds.channel import Channel

MAX_SHOWN = 100  # refusals of one type that are repeated


class Figures:
    """Counts for one type of one stream; dear only after other names are to be had or were asked for."""

    __slots__ = ("_channel", "_key", "_named")

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._key = (-1, -1)
        self._named = 0

    def delivery(self) -> Delivery:
        """Count what the gateway should have, and what it did with it."""
        channel, wanted = self._channel, self._wanted()
        if channel.settled:
            return Delivery(channel.type_url, wanted, 0, wanted, (), channel.position)
        get, wants = channel.shelf.get, channel.asked.wants
        in_flight = {entry.name for sent in channel.in_flight.values() for entry in sent.entries}
        unsettled = in_flight | channel.owed.keys() | channel.refused.keys()
        unsettled.update(name for _, names in channel.groups for name in names)
        unsettled.update(entry.name for entry in channel.pending())
        return Delivery(
            type_url=channel.type_url,
            wanted=wanted,
            in_flight=len(in_flight),
            acknowledged=wanted - sum(1 for name in unsettled if wants(name) and get(name) is not None),
            refused=tuple(islice(channel.refused.values(), MAX_SHOWN)),
            revision=channel.settled_to,
        )

    def _wanted(self) -> int:
        asked, shelf = self._channel.asked, self._channel.shelf
        if asked.wildcard and asked.lazy is None:
            return len(shelf)
        key = (shelf.membership, asked.changes)
        if key != self._key:
            self._key = key
            versions = shelf.versions()
            if asked.wildcard:
                self._named = sum(map(asked.wants, versions))
            else:
                self._named = sum(map(versions.__contains__, asked.names))
        return self._named
