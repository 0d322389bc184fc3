"""One gateway's stream as a pure state machine: requests in, responses out, in the protocol's order.

``poll`` always answers from the board as it is, beginning with the first type that has news. So what is sent
never mixes two steps of the world, and what a stream was too slow for is never sent at all.
"""

from collections.abc import Iterable, Mapping

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from control_plane.model.delivery import Delivery, Difference
from control_plane.xds.channel import WINDOW, Channel
from control_plane.xds.differences import differences
from control_plane.xds.figures import Figures
from control_plane.xds.frames import Response
from control_plane.xds.order import CHILD, PARENT, PUSH, REMOVE
from control_plane.xds.subscription import ProtocolError, Subscription
from control_plane.xds.table import Entry
from control_plane.xds.view import View

TYPES = frozenset(row.type_url for row in PUSH)
_NO_ACK = ("", "")
Doubts = Mapping[str, frozenset[str]]
"""Names by type."""


class Session:
    """The protocol of one stream; ``restless`` says that ``poll`` may have something without a new step."""

    def __init__(self, view: View) -> None:
        self.restless = False
        self._doubts: dict[str, frozenset[str]] = {}  # of types that were not asked for yet
        self._view = view
        self._world = view.world
        self._channels: dict[str, Channel] = {}
        self._figures: list[Figures] = []
        self._pushing: list[Channel] = []
        self._removing: list[Channel] = []
        self._removed_to = view.world.revision
        self._removal_due = False  # beside what the world withdrew
        self._holding = False  # removals wait for answers
        self._polled = -1  # the step after which there was nothing more to say
        self._orphans: dict[str, None] = {}  # children of what was sent before children were asked for

    def on_request(self, request: DeltaDiscoveryRequest, *, now: float) -> bool:
        """Take one message; whether it answered something that is in flight.

        Raises ProtocolError when this stream cannot go on.
        """
        channel = self._channels.get(request.type_url)
        if channel is None:
            self._open(request)
            return False
        nonce, answered = request.response_nonce, False
        if nonce:
            refusal = request.error_detail.message if request.HasField("error_detail") else None
            answered = channel.settle(nonce, refusal, now=now)
            freed = answered and len(channel.in_flight) == WINDOW - 1
            self.restless = self.restless or self._holding or freed or refusal is not None
        subscribe, unsubscribe = request.resource_names_subscribe, request.resource_names_unsubscribe
        if subscribe or unsubscribe or not nonce:
            # A stale nonce says that the answer is late, not that the wish is: it counts all the same.
            channel.ask(list(subscribe), list(unsubscribe), held={})
            self.restless = True
        return answered

    def on_ack(self, data: bytes) -> bool:
        """Take a message's bytes if they are an ACK that is in flight; False: it must be parsed.

        ACKs of one response have the same bytes on every stream, so nobody needs to parse them again.
        """
        type_url, nonce = self._world.acks.get(data, _NO_ACK)
        channel = self._channels.get(type_url)
        if channel is None or not channel.settle(nonce, None, now=0.0):
            return False
        if self._holding or len(channel.in_flight) == WINDOW - 1:
            self.restless = True
        return True

    def poll(self) -> Response | None:
        """Say what to send next; None when there is nothing until the next request or step."""
        world = self._world
        revision = world.revision
        if revision == self._polled and not self.restless:
            return None
        for channel in self._pushing:
            position, shelf = channel.position, channel.shelf
            if not channel.stirred and shelf.common.revision <= position and shelf.own.revision <= position:
                channel.position = revision
                continue
            response = channel.upserts()
            if response is not None:
                if channel.type_url == PARENT:
                    self._follow(response.entries)
                return response
        if self._removal_due or world.withdrew > self._removed_to:
            response = self._removal()
            if response is not None:
                return response
        self._polled = revision
        self.restless = False
        return None

    @property
    def wished(self) -> Subscription | None:
        """What of clusters is asked for."""
        channel = self._channels.get(PARENT)
        return None if channel is None else channel.asked

    def include(self, wished: Subscription) -> bool:
        """Ask for clusters and their endpoints as another stream does; False before these are asked for."""
        parents, children = self._channels.get(PARENT), self._channels.get(CHILD)
        if parents is None or children is None:
            return False
        for channel in (parents, children):
            fresh = [name for name in wished.names if name not in channel.asked.names]
            if fresh:
                channel.ask(fresh, (), held={})
                self.restless = True
        return True

    def deliveries(self) -> tuple[Delivery, ...]:
        """Report each type that was asked for."""
        return tuple(figures.delivery() for figures in self._figures)

    def doubt(self, doubts: Doubts) -> None:
        """Take over what an earlier stream of the gateway left in doubt, before anything is read."""
        self._doubts.update(doubts)

    def doubts(self) -> Doubts:
        """Name what the gateway may have applied and will not list when it comes back."""
        found = {type_url: channel.doubts for type_url, channel in self._channels.items()}
        return self._doubts | {type_url: names for type_url, names in found.items() if names}

    def differences(self) -> tuple[Difference, ...]:
        """Report each resource that was asked for."""
        return differences(self._channels.values())

    def _open(self, request: DeltaDiscoveryRequest) -> None:
        type_url = request.type_url
        if type_url not in TYPES:
            raise ProtocolError(f"expected one of the types {sorted(TYPES)}, got {type_url[:200]!r}")
        channel = Channel(type_url, self._view.shelf(type_url))
        held = dict(request.initial_resource_versions)
        subscribe, unsubscribe = request.resource_names_subscribe, request.resource_names_unsubscribe
        channel.open(list(subscribe), list(unsubscribe), held, self._doubts.pop(type_url, frozenset()))
        self._channels[type_url] = channel
        self._figures.append(Figures(channel))
        self._pushing = [self._channels[row.type_url] for row in PUSH if row.type_url in self._channels]
        self._removing = [self._channels[row.type_url] for row in REMOVE if row.type_url in self._channels]
        self._removal_due = self._removal_due or channel.owes_removals
        self.restless = True
        if type_url == CHILD:
            parent, orphans, self._orphans = self._channels.get(PARENT), self._orphans, {}
            if held and parent is not None:
                self._owe(channel, orphans)
                self._owe(channel, (entry.child for entry in parent.shelf.since(parent.opened_at)))

    def _follow(self, parents: Iterable[Entry]) -> None:
        """Owe the children of parents that are sent: a changed cluster warms until its endpoints come."""
        channel = self._channels.get(CHILD)
        if channel is not None:
            self._owe(channel, (entry.child for entry in parents))
            return
        opened_at = self._channels[PARENT].opened_at
        self._orphans.update((entry.child, None) for entry in parents if entry.revision <= opened_at)

    @staticmethod
    def _owe(channel: Channel, children: Iterable[str]) -> None:
        wants, get = channel.asked.wants, channel.shelf.get
        channel.owed.update((child, None) for child in children if wants(child) and get(child) is not None)
        channel.stirred = True

    def _removal(self) -> Response | None:
        """Take back last of all, and only what is older than everything that was offered and taken well."""
        self._holding = True
        if any(channel.troubled for channel in self._pushing):
            return None
        limit = min((channel.settled_to for channel in self._pushing), default=self._world.revision)
        for channel in self._removing:
            response = channel.removals(limit)
            if response is not None:
                return response
        if limit >= self._world.withdrew:
            self._removed_to = limit
            self._removal_due = any(channel.owes_removals for channel in self._removing)
            self._holding = self._removal_due
        return None
