"""What came of everything that one stream was sent, counted when somebody asks."""

from collections.abc import Callable, Mapping
from itertools import islice

from control_plane.model.delivery import Delivery
from control_plane.xds.channel import Channel

MAX_SHOWN = 100  # refusals of one type that are repeated


class Figures:
    """Counts for one type of one stream; dear only after other names are to be had or were asked for."""

    __slots__ = ("_channel", "_key", "_named", "_seen", "_unasked")

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._key = (-1, -1)
        self._named = 0
        self._seen = -1  # the membership of which what need not be asked for was counted
        self._unasked = 0

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
            versions, covers = shelf.versions(), asked.lazy
            if asked.wildcard and covers is not None:
                # Every first request for a resource asks for a name more: that must not cost a look at all.
                named = sum(name in versions and covers(name) for name in asked.names)
                self._named = self._without_asking(versions, covers) + named
            else:
                self._named = sum(map(versions.__contains__, asked.names))
        return self._named

    def _without_asking(self, versions: Mapping[str, str], covers: Callable[[str], bool]) -> int:
        membership = self._channel.shelf.membership
        if membership != self._seen:
            self._seen = membership
            self._unasked = sum(not covers(name) for name in versions)
        return self._unasked
