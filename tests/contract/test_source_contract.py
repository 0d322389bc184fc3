"""What every source does, whatever it looks at: a new kind adds its world to WORLDS."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from control_plane.model.sighting import SourceKind
from control_plane.ports.source import Seen, Source
from tests.contract.source_world import END_WITHIN, SOON, Reader, Record, World, is_lost, lists
from tests.fakes.source import FakeWorld
from tests.integration.discovery.avahi_world import AvahiWorld
from tests.integration.discovery.bind9_world import Bind9World
from tests.integration.discovery.consul_world import AgentWorld, DoubleWorld, real_agent_is_named
from tests.integration.discovery.file_world import FileWorld
from tests.integration.discovery.plugin_world import PluginWorld

WORLDS: dict[str, Callable[[Path], World]] = {
    "fake": lambda _directory: FakeWorld(),
    "bind9": Bind9World,
    "avahi": AvahiWorld,
    "consul": lambda _directory: DoubleWorld(),
    "plugin": PluginWorld,
    "manual-yaml": lambda directory: FileWorld(directory, "yaml"),
    "manual-toml": lambda directory: FileWorld(directory, "toml"),
}
if real_agent_is_named():
    WORLDS["consul-agent"] = AgentWorld
ONE, TWO, THREE = (Record(node_id=f"gw-{number}", host=f"192.0.2.{number}") for number in (1, 2, 3))


@pytest_asyncio.fixture(params=list(WORLDS))
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "plugin":
        request.getfixturevalue("example_installed")
    made = WORLDS[request.param](tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_an_empty_place_is_seen_as_empty(world: World) -> None:
    async with Reader(world.source()) as reader:
        assert await reader.until(lists()) == Seen(())


async def test_everything_that_is_there_is_said(world: World) -> None:
    for record in (THREE, ONE, TWO):
        await world.put(record)

    async with Reader(world.source()) as reader:
        report = await reader.until(lists(ONE, TWO, THREE))

    assert isinstance(report, Seen)
    assert (report.refused, report.left_out) == ((), 0)


@asynccontextmanager
async def asked_again(source: Source) -> AsyncIterator[None]:
    """Somebody looks every few seconds: a packet of multicast may be lost."""

    async def ask() -> None:
        while True:
            source.look()
            await asyncio.sleep(SOON / 4)

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()


async def test_what_appears_changes_and_goes_is_followed(world: World) -> None:
    changed = replace(ONE, host="198.51.100.9", port=9443, version="1.5", resources=("orders",))
    source = world.source()

    async with Reader(source) as reader:
        await reader.until(lists())
        await world.put(ONE)
        async with asked_again(source):
            await reader.until(lists(ONE))
        await world.put(changed)
        await world.put(TWO)
        async with asked_again(source):
            await reader.until(lists(changed, TWO))
        await world.remove(ONE.node_id)
        async with asked_again(source):
            await reader.until(lists(TWO))


async def test_what_is_out_of_reach_is_lost_and_never_empty_and_comes_back_by_itself(world: World) -> None:
    await world.put(ONE)
    source = world.source()

    async with Reader(source) as reader:
        before = await reader.until(lists(ONE))
        await world.break_off()
        source.look()
        lost = await reader.until(lambda report: report != before)
        await world.mend()
        source.look()
        after = await reader.until(lists(ONE))

    assert is_lost(lost)
    assert after == before


async def test_what_was_never_in_reach_is_lost(world: World) -> None:
    await world.put(ONE)
    await world.break_off()

    async with Reader(world.source()) as reader:
        assert is_lost(await reader.next())


async def test_a_place_that_answers_nothing_is_lost(world: World) -> None:
    await world.put(ONE)
    source = world.source()

    async with Reader(source) as reader:
        await reader.until(lists(ONE))
        await world.fall_silent()
        source.look()
        await reader.until(is_lost)


async def test_equal_worlds_give_equal_reports(world: World) -> None:
    for record in (ONE, TWO, THREE):
        await world.put(record)
    async with Reader(world.source()) as reader:
        first = await reader.until(lists(ONE, TWO, THREE))
    for record in (ONE, THREE):
        await world.remove(record.node_id)
    for record in (THREE, ONE):
        await world.put(record)

    async with Reader(world.source()) as reader:
        second = await reader.until(lists(ONE, TWO, THREE))

    assert second == first


async def test_a_confirmation_is_a_report_and_look_brings_it_soon(world: World) -> None:
    await world.put(ONE)
    source = world.source()

    async with Reader(source) as reader:
        first = await reader.until(lists(ONE))
        for _ in range(3):
            reader.forget()
            source.look()
            assert await reader.next() == first


async def test_look_may_be_called_before_anybody_listens(world: World) -> None:
    source = world.source()
    source.look()

    async with Reader(source) as reader:
        await reader.until(lists())


@pytest.mark.alone
@pytest.mark.parametrize("state", ["waiting", "broken", "silent"])
async def test_a_source_ends_in_time_and_leaves_nothing_behind(world: World, state: str) -> None:
    await world.put(ONE)
    source = world.source()
    before = asyncio.all_tasks()

    async with Reader(source) as reader:
        await reader.until(lists(ONE))
        if state != "waiting":
            await (world.break_off() if state == "broken" else world.fall_silent())
            source.look()
            await asyncio.sleep(0.1)  # it is in the middle of asking
        await reader.cancel(within=END_WITHIN)
        await world.mend()  # what it does itself while it is silent is not the source's

    left = asyncio.all_tasks() - before
    if left:
        _, left = await asyncio.wait(left, timeout=END_WITHIN)
    assert not left


async def test_a_source_that_was_ended_can_be_followed_again(world: World) -> None:
    await world.put(ONE)
    source = world.source()
    async with Reader(source) as reader:
        first = await reader.until(lists(ONE))

    async with Reader(source) as reader:
        assert await reader.until(lists(ONE)) == first


async def test_nonsense_never_raises_and_the_truth_is_seen_again_afterwards(world: World) -> None:
    await world.put(ONE)
    source = world.source()

    async with Reader(source) as reader:
        truth = await reader.until(lists(ONE))
        assert world.rubbish
        for rubbish in world.rubbish:
            await world.spoil(rubbish)
            source.look()
            await reader.until(lambda report: report != truth)
            await world.mend()
            source.look()
            assert await reader.until(lists(ONE)) == truth


async def test_a_source_has_a_name_that_begins_with_its_kind_unless_it_is_a_plugin(world: World) -> None:
    source = world.source()

    assert source.kind == SourceKind.PLUGIN or source.name.partition(":")[0] == source.kind
    assert source.name.isprintable()
