"""Any interleaving of the world's steps with what an Envoy does ends acknowledged, or refused and known."""

from collections import deque

import hypothesis.strategies as st
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from control_plane.model.xds import CLUSTER, ENDPOINTS, ROUTES, SECRET, XdsResource
from control_plane.ports.publisher import Name, Publication
from control_plane.xds.board import Board
from control_plane.xds.order import RETURNING
from control_plane.xds.session import Doubts, Session
from tests.unit.xds.contents import (
    GATEWAY,
    GOOD,
    INVALID,
    NAMES,
    REFUSED,
    STRANGER,
    TYPES,
    Content,
    published,
)
from tests.unit.xds.model_envoy import WITHDRAWABLE, ModelEnvoy

_SCOPES = st.sampled_from([*[""] * 6, GATEWAY, GATEWAY, STRANGER])
_CONTENTS = st.builds(
    Content,
    type_url=st.sampled_from(TYPES),
    name=st.sampled_from(NAMES),
    variant=st.sampled_from([*GOOD, *GOOD, *GOOD, REFUSED, INVALID]),
    scope=_SCOPES,
)
_REMOVALS = st.builds(Name, st.sampled_from(TYPES), st.sampled_from(NAMES), _SCOPES)
_STEP, _TAKEN = st.lists(_CONTENTS, max_size=5), st.lists(_REMOVALS, max_size=3)
_SOME_NAMES = st.sets(st.sampled_from(NAMES), min_size=1, max_size=3)
_BY_NAME = st.sampled_from([CLUSTER, ROUTES, SECRET])  # endpoints are asked for as clusters come and go
_STALE = st.sampled_from(["", "", "0", "stale"])


class Federation(RuleBasedStateMachine):
    """A board, a session and an Envoy, with two queues between them."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[Name, Content] = {}
        self.board = Board()
        self.board.open()
        self.envoy = ModelEnvoy()
        self.connect({})

    def connect(self, doubts: Doubts) -> None:
        """Both ends of a new stream; ``doubts`` are what the server remembers of the one before."""
        self.session = Session(self.board.view(GATEWAY))
        self.session.doubt(doubts)
        self.wire: deque[bytes] = deque()
        self.sent: dict[str, DeltaDiscoveryResponse] = {}  # by nonce, without an answer
        self.heard: dict[tuple[str, str], str] = {}  # what the server was told that the Envoy has
        self.known_bad: dict[tuple[str, str], str] = {}  # what the server was told that the Envoy refuses
        self.asked: set[tuple[str, str]] = set()  # names that were said on this stream
        self.opened: set[str] = set()  # types of which the server read a request
        self.envoy.connect()

    def seen(self, type_url: str) -> dict[str, XdsResource]:
        """What the world has for this gateway: its own before everybody's."""
        contents = {
            name.name: content
            for scope in ("", GATEWAY)
            for name, content in self.shown.items()
            if name.type_url == type_url and name.scope == scope
        }
        return {name: published(content) for name, content in contents.items()}

    def is_good(self, resource: XdsResource) -> bool:
        return self.shown[Name(resource.type_url, resource.name, resource.scope)].good

    # --- the world

    @initialize(names=st.sets(st.sampled_from(NAMES)), settled=st.booleans())
    def begin(self, names: set[str], *, settled: bool) -> None:
        everything = [Content(type_url, name, GOOD[0]) for type_url in TYPES for name in sorted(names)]
        self.publish({Name(each.type_url, each.name): each for each in everything}, [])
        for type_url in (ROUTES, SECRET):
            self.envoy.subscribe(type_url, NAMES)
        if settled:
            self.drain()

    @rule(contents=_STEP, removals=_TAKEN)
    def step(self, contents: list[Content], removals: list[Name]) -> None:
        upserts = {Name(each.type_url, each.name, each.scope): each for each in contents}
        taken = [name for name in removals if name not in upserts]
        self.publish(upserts, taken)

    def publish(self, upserts: dict[Name, Content], removals: list[Name]) -> None:
        self.board.publish(Publication(tuple(map(published, upserts.values())), tuple(removals)))
        self.shown.update(upserts)
        for name in removals:
            self.shown.pop(name, None)
        versions = {(t, name): each.version for t in TYPES for name, each in self.seen(t).items()}
        self.known_bad = {key: bad for key, bad in self.known_bad.items() if versions.get(key) == bad}

    # --- the wire

    @rule(most=st.integers(1, 4))
    def server_sends(self, most: int) -> None:
        for _ in range(most):
            if not self.send_one():
                break

    def send_one(self) -> bool:
        response = self.session.poll()
        if response is None:
            return False
        message = DeltaDiscoveryResponse.FromString(response.data)
        for each in message.resources:
            key = (message.type_url, each.name)
            assert self.known_bad.get(key) != each.version, f"refused, and sent again: {key}"
            shown = self.seen(message.type_url)[each.name].version
            returned = key[0] in RETURNING and self.known_bad.get(key) == shown  # as it was before
            assert shown == each.version or returned, "sent from another step"
        for name in message.removed_resources:
            assert name not in self.seen(message.type_url), f"taken back, and there: {name}"
        if message.removed_resources and not self.asked & {
            (message.type_url, n) for n in message.removed_resources
        }:
            assert not self.known_bad, "taken back while something offered is refused"
        self.sent[message.nonce] = message
        self.wire.append(response.data)
        return True

    @rule(most=st.integers(1, 4))
    def envoy_reads(self, most: int) -> None:
        for _ in range(min(most, len(self.wire))):
            self.envoy.receive(self.wire.popleft())

    @rule(most=st.integers(1, 4))
    def server_reads(self, most: int) -> None:
        for _ in range(most):
            if not self.read_one():
                break

    def read_one(self) -> bool:
        request = self.envoy.next_request()
        if request is None:
            return False
        data = request.SerializeToString()
        if not self.session.on_ack(data):
            self.session.on_request(DeltaDiscoveryRequest.FromString(data), now=1.0)
        self.note(request)
        return True

    def note(self, request: DeltaDiscoveryRequest) -> None:
        """Remember what the server knows now."""
        type_url = request.type_url
        if type_url not in self.opened:
            self.opened.add(type_url)
            self.heard |= {(type_url, n): v for n, v in request.initial_resource_versions.items()}
        for name in (*request.resource_names_unsubscribe, *request.resource_names_subscribe):
            self.known_bad.pop((type_url, name), None)
            self.asked.add((type_url, name))
        message = self.sent.pop(request.response_nonce, None)
        if message is None:
            return
        for each in message.resources:
            key, text = (type_url, each.name), request.error_detail.message
            if not request.HasField("error_detail"):
                self.heard[key] = each.version
            elif each.name in text.split(": ")[1].split(", ") or len(message.resources) == 1:
                shown = self.seen(type_url).get(each.name)
                if shown is not None and shown.version == each.version:
                    self.known_bad[key] = each.version

    # --- the Envoy

    @rule(type_url=_BY_NAME, names=_SOME_NAMES, nonce=_STALE)
    def envoy_asks(self, type_url: str, names: set[str], nonce: str) -> None:
        self.envoy.subscribe(type_url, names, nonce)

    @rule(type_url=_BY_NAME, names=_SOME_NAMES, nonce=_STALE)
    def envoy_drops(self, type_url: str, names: set[str], nonce: str) -> None:
        self.envoy.unsubscribe(type_url, names, nonce)

    @rule()
    def envoy_reconnects(self) -> None:
        self.connect(self.session.doubts())

    @rule()
    def envoy_restarts(self) -> None:
        doubts, self.envoy = self.session.doubts(), ModelEnvoy()
        for type_url in (ROUTES, SECRET):
            self.envoy.subscribe(type_url, NAMES)
        self.connect(doubts)

    @rule(contents=_STEP, removals=_TAKEN, later=_STEP)
    def envoy_is_away_for_a_while(
        self, contents: list[Content], removals: list[Name], later: list[Content]
    ) -> None:
        """It applied what it was sent, its answers are lost, and the world moves on without it."""
        self.step(contents, [])
        while self.send_one():
            pass
        while self.wire:
            self.envoy.receive(self.wire.popleft())
        self.step(later, removals)
        self.connect(self.session.doubts())

    @rule()
    def server_restarts(self) -> None:
        self.board = Board()
        self.board.publish(Publication(tuple(map(published, self.shown.values()))))
        self.board.open()
        self.envoy.forgotten()
        self.connect({})

    # --- what holds

    @rule()
    def everything_arrives(self) -> None:
        self.drain()
        self.check_end()

    @invariant()
    def deliveries_never_claim_too_much(self) -> None:
        for delivery in self.session.deliveries():
            type_url = delivery.type_url
            flying = {
                each.name
                for message in self.sent.values()
                if message.type_url == type_url
                for each in message.resources
            }
            has = {
                n for n, each in self.seen(type_url).items() if self.heard.get((type_url, n)) == each.version
            }
            assert delivery.in_flight == len(flying)
            assert delivery.acknowledged <= len(has)
            assert delivery.revision <= self.board.revision
            if type_url in WITHDRAWABLE:
                assert delivery.wanted == len(self.seen(type_url))

    def drain(self) -> None:
        for _ in range(2_000):
            if self.read_one() or self.send_one():
                continue
            if self.wire:
                self.envoy.receive(self.wire.popleft())
            elif not self.time_out():
                return
        raise AssertionError("there is no end to what is said")

    def time_out(self) -> bool:
        """Let Envoy's own timeout end the warming that no server can end; whether there was any."""
        endpoints = self.seen(ENDPOINTS)
        hopeless = {
            name
            for name in self.envoy.warming
            if name not in endpoints or not self.is_good(endpoints[name]) or name in self.envoy.interrupted
        }
        self.envoy.warming -= hopeless
        return bool(hopeless)

    def check_end(self) -> None:
        assert not self.envoy.warming, "a cluster waits for its endpoints"
        assert not self.sent, "something has no answer"
        refused_any = False
        for delivery in self.session.deliveries():
            watch = self.envoy.watches[delivery.type_url]
            wanted = {n: r for n, r in self.seen(delivery.type_url).items() if watch.wants(n)}
            bad = {name: each.version for name, each in wanted.items() if not self.is_good(each)}
            assert {each.name: each.version for each in delivery.refused} == bad
            for name, each in wanted.items():
                if name not in bad:
                    assert watch.held.get(name) == each.version, f"not acknowledged: {name}"
                    # A server that forgot cannot know that an Envoy has another version than it lists.
                    known = (delivery.type_url, name) not in self.envoy.unlisted
                    assert not known or watch.applied.get(name) == each.version, f"not applied: {name}"
            counts = (delivery.wanted, delivery.acknowledged, delivery.in_flight)
            assert counts == (len(wanted), len(wanted) - len(bad), 0)
            refused_any = refused_any or bool(bad)
        if not refused_any:
            self.check_nothing_is_left()

    def check_nothing_is_left(self) -> None:
        for type_url in WITHDRAWABLE:
            watch, names = self.envoy.watches[type_url], self.seen(type_url).keys()
            assert watch.held.keys() == names, "withdrawn, and still acknowledged"
            ghosts = {name for kind, name in self.envoy.ghosts if kind == type_url}
            assert watch.applied.keys() - ghosts == names - ghosts, "withdrawn, and still applied"
        assert all(each.revision == self.board.revision for each in self.session.deliveries())

    def teardown(self) -> None:
        """Whatever happened: it ends, and when the refused contents are replaced, it ends well."""
        self.drain()
        self.check_end()
        better = {
            name: Content(each.type_url, each.name, GOOD[0], each.scope)
            for name, each in self.shown.items()
            if not each.good
        }
        self.publish(better, [])
        self.drain()
        self.check_end()


TestFederation = Federation.TestCase
TestFederation.settings = settings(max_examples=150, stateful_step_count=40)
