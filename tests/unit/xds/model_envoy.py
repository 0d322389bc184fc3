"""An Envoy as the delta protocol sees it, with the habits that were observed on the real one.

It keeps what it acknowledged (told to the server when it reconnects) apart from what it applied: of a
response that it refuses for one resource's sake it applies the others, and does not list them afterwards. A
cluster that changed warms until its endpoints come, and until then it says nothing about clusters, not even
that it took them.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    Resource,
)

from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER
from tests.unit.xds.contents import GATEWAY, INVALID, TYPES, read

WITHDRAWABLE = (CLUSTER, LISTENER)  # of the others, Envoy keeps what was taken back


@dataclass
class Watch:
    """One type: what is asked for, and what is here."""

    wildcard: bool
    opened: bool = False  # on this stream
    star: bool = False  # the wildcard was said, not only meant
    names: set[str] = field(default_factory=set)
    held: dict[str, str] = field(default_factory=dict)
    applied: dict[str, str] = field(default_factory=dict)

    def wants(self, name: str) -> bool:
        return self.wildcard or name in self.names


class ModelEnvoy:
    """``outbox`` is on its way to the server; ``receive`` takes what the server sent."""

    def __init__(self) -> None:
        self.watches = {type_url: Watch(type_url in WITHDRAWABLE) for type_url in TYPES}
        self.outbox: deque[DeltaDiscoveryRequest] = deque()
        self.warming: set[str] = set()
        self.interrupted: set[str] = set()  # warming across a reconnect: only Envoy's own timeout ends that
        self.ghosts: set[tuple[str, str]] = set()  # applied, never acknowledged, and the server forgot them
        self.unlisted: set[tuple[str, str]] = (
            set()
        )  # another version is applied than was listed to a server that forgot
        self.nonces: set[str] = set()

    def connect(self) -> None:
        """A new stream: everything on its way is lost, and what is asked for and held is said again."""
        self.outbox.clear()
        self.nonces.clear()
        self.interrupted |= self.warming
        for type_url, watch in self.watches.items():
            watch.opened = False
            if watch.wildcard or watch.names:
                self._open(type_url)

    def forgotten(self) -> None:
        """The server lost its memory: what was applied without an ACK cannot be known to it any more."""
        for type_url, watch in self.watches.items():
            applied = watch.applied
            self.unlisted.update((type_url, n) for n, v in watch.held.items() if applied.get(n) != v)
        for type_url in WITHDRAWABLE:
            watch = self.watches[type_url]
            self.ghosts.update((type_url, name) for name in watch.applied.keys() - watch.held.keys())

    def subscribe(self, type_url: str, names: Iterable[str], nonce: str = "") -> None:
        watch = self.watches[type_url]
        added = sorted(names)
        watch.names.update(added)
        if not watch.opened:
            self._open(type_url)
            return
        request = DeltaDiscoveryRequest(type_url=type_url, response_nonce=nonce)
        if type_url == CLUSTER and not watch.star:
            watch.star = True
            added = ["*", *added]
        request.resource_names_subscribe.extend(added)
        self.outbox.append(request)

    def unsubscribe(self, type_url: str, names: Iterable[str], nonce: str = "") -> None:
        watch = self.watches[type_url]
        dropped = sorted(set(names) & watch.names)
        if not dropped:
            return
        watch.names.difference_update(dropped)
        if not watch.wildcard:
            for name in dropped:
                watch.held.pop(name, None)
                watch.applied.pop(name, None)
        request = DeltaDiscoveryRequest(type_url=type_url, response_nonce=nonce)
        request.resource_names_unsubscribe.extend(dropped)
        self.outbox.append(request)

    def next_request(self) -> DeltaDiscoveryRequest | None:
        """What goes on the wire next; nothing about clusters while one of them warms."""
        for request in self.outbox:
            if request.type_url != CLUSTER or not self.warming:
                self.outbox.remove(request)
                return request
        return None

    def receive(self, data: bytes) -> None:
        """Apply one response, and answer it."""
        message = DeltaDiscoveryResponse.FromString(data)
        assert message.nonce, "a response without a nonce cannot be answered"
        assert message.nonce not in self.nonces, "a nonce came twice on one stream"
        self.nonces.add(message.nonce)
        watch = self.watches[message.type_url]
        meant = [resource for resource in message.resources if watch.wants(resource.name)]
        contents = {each.name: read(message.type_url, each.resource.value) for each in message.resources}
        assert all(content.scope in {"", GATEWAY} for content in contents.values()), "another gateway's"
        assert not contents.keys() & set(message.removed_resources), "sent and taken back at once"
        bad = [each.name for each in meant if not contents[each.name].good]
        if any(contents[name].variant == INVALID for name in bad):
            self._answer(message, "Proto constraint validation failed (Field: value must be positive)")
            self._cannot_warm(message.type_url, bad)
            return
        self._apply(message.type_url, [each for each in meant if each.name not in bad])
        self._remove(message.type_url, message.removed_resources)
        if bad:
            blamed = bad if message.type_url == CLUSTER else bad[:1]
            self._answer(message, f"Error adding/updating: {', '.join(blamed)}: unknown filter")
            self._cannot_warm(message.type_url, bad)
            return
        watch.held.update((each.name, each.version) for each in meant)
        for name in message.removed_resources:
            watch.held.pop(name, None)
        self._answer(message, "")

    def _open(self, type_url: str) -> None:
        watch = self.watches[type_url]
        watch.opened = True
        request = DeltaDiscoveryRequest(type_url=type_url, initial_resource_versions=watch.held)
        if watch.wildcard and (watch.names or watch.star):
            watch.star = True
            request.resource_names_subscribe.append("*")
        request.resource_names_subscribe.extend(sorted(watch.names))
        self.outbox.append(request)

    def _answer(self, message: DeltaDiscoveryResponse, refusal: str) -> None:
        request = DeltaDiscoveryRequest(type_url=message.type_url, response_nonce=message.nonce)
        if refusal:
            request.error_detail.code = 13
            request.error_detail.message = refusal
        self.outbox.append(request)

    def _apply(self, type_url: str, resources: list[Resource]) -> None:
        applied = self.watches[type_url].applied
        changed = [each.name for each in resources if applied.get(each.name) != each.version]
        applied.update((each.name, each.version) for each in resources)
        for known in (self.ghosts, self.unlisted):
            known.difference_update((type_url, each.name) for each in resources)
        if type_url == CLUSTER:
            self.warming.update(changed)
            self.interrupted.difference_update(changed)
            fresh = set(changed) - self.watches[ENDPOINTS].names
            if fresh:
                self.subscribe(ENDPOINTS, fresh)
        elif type_url == ENDPOINTS:
            self.warming.difference_update(each.name for each in resources)

    def _remove(self, type_url: str, names: Iterable[str]) -> None:
        if type_url == ENDPOINTS:
            self.warming.difference_update(names)
        if type_url not in WITHDRAWABLE:
            return
        gone = [name for name in names if self.watches[type_url].applied.pop(name, None) is not None]
        self.ghosts.difference_update((type_url, name) for name in gone)
        if type_url == CLUSTER and gone:
            self.warming.difference_update(gone)
            self.unsubscribe(ENDPOINTS, gone)

    def _cannot_warm(self, type_url: str, bad: list[str]) -> None:
        """A cluster whose endpoints are refused goes on with those that it had."""
        if type_url == ENDPOINTS:
            self.warming.difference_update(bad)
