"""A node appears, changes and disappears, and its source dies: each into a real Envoy's endpoints."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from control_plane.app.own_trust import utc_now
from control_plane.model.sighting import RawEndpoint, SourceKind
from control_plane.ports.source import Report, Seen
from tests.contract.source_world import Record, World
from tests.fakes.source import FakeSource, FakeWorld, candidate_of
from tests.integration.discovery.avahi_world import AvahiWorld
from tests.integration.discovery.bind9 import needs_bind9
from tests.integration.discovery.bind9_world import Bind9World
from tests.integration.discovery.consul_world import DoubleWorld
from tests.integration.discovery.deployment import OWN, PARTNER, Deployment, deployed
from tests.integration.discovery.file_world import FileWorld

pytestmark = [pytest.mark.integration, pytest.mark.e2e]

ONE, TWO = Record(node_id="gw-1", host="192.0.2.7"), Record(node_id="gw-2", host="192.0.2.8")
AT_ONE, AT_TWO, MOVED = "192.0.2.7:8443", "192.0.2.8:8443", "192.0.2.77:9443"
KEEP, OFFLINE = 1.0, 2.0
SHORT: dict[str, Any] = {"discovery_keep_seconds": KEEP, "discovery_offline_seconds": OFFLINE}

PLACES: dict[str, Callable[[Path], World]] = {
    "file": FileWorld,
    "consul": lambda _directory: DoubleWorld(),
    "dns-sd": partial(Bind9World, ttl=1, floor=1),
    "mdns": AvahiWorld,
}


@pytest.fixture
def room() -> Iterator[Path]:
    """A directory with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="pxd-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        yield directory


@pytest_asyncio.fixture(params=list(PLACES))
async def place(request: pytest.FixtureRequest, room: Path) -> AsyncIterator[World]:
    made = PLACES[request.param](room)
    await made.start()
    yield made
    await made.stop()


async def seen(deployment: Deployment, *expected: str) -> None:
    """Wait until Envoy has ``expected``; the source is asked to look, as an operator does."""
    await deployment.call("POST", "/federation/discover", {"timeout": 5})
    await deployment.until_endpoints(*expected)


class Clock:
    """That of the machine until it is stopped; from then on it moves when it is told to."""

    def __init__(self) -> None:
        self._stopped: datetime | None = None

    def __call__(self) -> datetime:
        return self._stopped or utc_now()

    def stop(self) -> None:
        self._stopped = utc_now()

    def go_on(self, seconds: float) -> None:
        assert self._stopped is not None
        self._stopped += timedelta(seconds=seconds)


async def test_a_node_appears_changes_and_disappears(place: World, room: Path, database_url: str) -> None:
    clock = Clock()
    async with deployed(room, database_url, [place.source()], now=clock, **SHORT) as deployment:
        await place.put(ONE)
        await place.put(TWO)
        await seen(deployment, AT_ONE, AT_TWO)
        node = (await deployment.listed())["gw-1"]
        assert node["problem"] is None
        assert node["discovered_at"] <= node["last_seen"]

        clock.stop()  # whatever follows may take as long as it does
        await place.put(replace(ONE, host="192.0.2.77", port=9443))
        await seen(deployment, MOVED, AT_TWO)

        await place.remove("gw-1")
        await deployment.call("POST", "/federation/discover", {"timeout": 5})

        async def missed() -> bool:
            return all(state["nodes"] == 1 for state in (await deployment.sources()).values())

        async def last() -> bool:
            return await deployment.endpoints() == {MOVED: 1, AT_TWO: 0}

        await deployment.until("the node to be missed", missed)
        clock.go_on(KEEP)
        await deployment.until("the node that is gone to be tried last", last)
        assert (await deployment.listed())["gw-1"]["status"] == "offline"
        clock.go_on(OFFLINE)
        await deployment.until_endpoints(AT_TWO)
        assert set(await deployment.listed()) == {"gw-2"}


async def test_a_server_that_dies_takes_nothing_with_it_and_what_changed_meanwhile_comes_after_it(
    place: World, room: Path, database_url: str
) -> None:
    async with deployed(room, database_url, [place.source()], **SHORT) as deployment:
        await place.put(ONE)
        await seen(deployment, AT_ONE)

        await place.break_off()
        await deployment.call("POST", "/federation/discover", {"timeout": 5})

        async def lost() -> bool:
            return all(state["state"] == "lost" for state in (await deployment.sources()).values())

        await deployment.until("the source to be lost", lost)
        await asyncio.sleep(KEEP + OFFLINE + 0.5)  # longer than anything that is gone would stay
        assert set(await deployment.endpoints()) == {AT_ONE}

        await place.mend()
        await place.put(TWO)
        await deployment.until_endpoints(AT_ONE, AT_TWO, within=60)

        async def seeing() -> bool:
            return all(state["state"] == "seeing" for state in (await deployment.sources()).values())

        await deployment.until("the source to see again", seeing)


class Hanging:
    """A source that says one thing, and then nothing ever, whatever it is asked."""

    kind = SourceKind.PLUGIN
    name = "hanging"

    async def reports(self) -> AsyncIterator[Report]:
        yield Seen((candidate_of(ONE),))
        await asyncio.Event().wait()

    def look(self) -> None:
        """Deaf, too."""


class Lying:
    """A source that says what no honest one would, of our own nodes and of everybody's."""

    kind = SourceKind.PLUGIN
    name = "lying"

    def __init__(self) -> None:
        self.begin = asyncio.Event()

    async def reports(self) -> AsyncIterator[Report]:
        await self.begin.wait()
        while True:
            claimed = replace(candidate_of(ONE), spiffe_id=f"spiffe://{PARTNER}/gateway/mallory")
            inside = replace(candidate_of(TWO), endpoints=(RawEndpoint("169.254.169.254", 80),))
            ours = replace(candidate_of(TWO), organisation=OWN, spiffe_id=f"spiffe://{OWN}/gateway/gw-9")
            yield Seen((claimed, inside, ours))
            await asyncio.sleep(0.2)

    def look(self) -> None:
        """It is busy."""


class Dying:
    """A source that dies again and again."""

    kind = SourceKind.PLUGIN
    name = "dying"

    async def reports(self) -> AsyncIterator[Report]:
        yield Seen((candidate_of(ONE),))
        raise RuntimeError("a defect")

    def look(self) -> None:
        """It is dead."""


async def test_sources_that_die_hang_and_lie_change_nothing_for_what_others_confirm(
    room: Path, database_url: str
) -> None:
    consul = DoubleWorld()
    await consul.start()
    try:
        await consul.put(ONE)
        await consul.put(TWO)
        liar = Lying()
        sources = [consul.source(), Hanging(), Dying(), liar]
        async with deployed(room, database_url, sources, **SHORT) as deployment:
            await deployment.until_endpoints(AT_ONE, AT_TWO)
            liar.begin.set()  # last: who holds an identity first keeps it

            async def refused() -> bool:
                return bool((await deployment.sources())["lying"]["refused_by_code"])

            await deployment.until("the lies to be refused", refused)
            await asyncio.sleep(KEEP + OFFLINE + 0.5)

            assert set(await deployment.endpoints()) == {AT_ONE, AT_TWO}
            codes = (await deployment.sources())["lying"]["refused_by_code"]
            assert codes == {"forbidden_address": 1, "own_domain": 1}
            assert (await deployment.listed())["gw-1"]["spiffe_id"] == ONE.spiffe_id
            (conflict,) = (await deployment.call("GET", "/federation/sources"))["conflicts"]
            assert conflict["code"] == "identity_conflict"
            events = (await deployment.call("GET", "/audit/events?limit=100"))["items"]
            assert [one["reason"] for one in events if one["action"] == "discovery.claim"] == ["own_domain"]
    finally:
        await consul.stop()


async def test_what_is_discovered_of_strangers_is_offered_and_never_used(
    room: Path, database_url: str
) -> None:
    places = FakeWorld()
    stranger = Record(node_id="gw-1", organisation="hamburg.example", host="192.0.2.9")
    await places.put(stranger)
    source = FakeSource(places)
    async with deployed(room, database_url, [source], **SHORT) as deployment:

        async def offered() -> Any:  # noqa: ANN401 - whatever JSON holds
            page = await deployment.call("GET", "/federation/nodes?organisation=hamburg.example")
            return page["items"]

        await deployment.until("the stranger to be listed", offered)
        (node,) = await offered()
        assert (node["trust_level"], node["status"]) == ("untrusted", "online")
        assert node["problem"]["code"] == "agreement_missing"
        status = await deployment.call("GET", "/status")
        assert not [one for one in status["problems"] if "hamburg" in one["subject"]]

        await places.put(ONE)
        source.look()
        await deployment.until_endpoints(AT_ONE)
        await deployment.call("POST", f"/federation/agreements/{PARTNER}/pause", {})
        await deployment.until_endpoints()
        await deployment.call("POST", f"/federation/agreements/{PARTNER}/resume", {})
        await deployment.until_endpoints(AT_ONE)
        await deployment.call("POST", f"/federation/agreements/{PARTNER}/revoke", {})
        await deployment.until_endpoints()


@needs_bind9
async def test_a_server_that_dies_changes_nothing_for_a_node_that_another_source_confirms(
    room: Path, database_url: str
) -> None:
    # As if the name server had been away for longer than what it said stands.
    gone = {**SHORT, "discovery_blind_seconds": 0}
    zone, consul = Bind9World(room, ttl=1, floor=1), DoubleWorld()
    async with AsyncExitStack() as stack:
        for place in (zone, consul):
            await place.start()
            stack.push_async_callback(place.stop)
            await place.put(ONE)
        sources = [zone.source(), consul.source()]
        deployment = await stack.enter_async_context(deployed(room, database_url, sources, **gone))

        async def spoken_of_by() -> list[str]:
            names: list[str] = (await deployment.listed())["gw-1"]["sources"]
            return names

        await deployment.until_endpoints(AT_ONE)
        await deployment.until("both to say so", _says(spoken_of_by, "consul", "dns-sd:luebeck.example"))

        await zone.break_off()
        await deployment.until("only Consul to say so", _says(spoken_of_by, "consul"))
        assert await deployment.endpoints() == {AT_ONE: 0}
        assert (await deployment.listed())["gw-1"]["status"] == "online"

        await zone.mend()
        await deployment.until(
            "both to say so again", _says(spoken_of_by, "consul", "dns-sd:luebeck.example"), within=60
        )
        await consul.remove("gw-1")
        await deployment.until("only DNS to say so", _says(spoken_of_by, "dns-sd:luebeck.example"))
        assert await deployment.endpoints() == {AT_ONE: 0}


def _says(ask: Callable[[], Awaitable[list[str]]], *expected: str) -> Callable[[], Awaitable[bool]]:
    async def same() -> bool:
        return await ask() == list(expected)

    return same
