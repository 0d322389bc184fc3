"""The manual source follows its file, and takes no half of it for the whole."""

import asyncio
from pathlib import Path

from control_plane.discovery.manual import FileOptions, ManualFile
from control_plane.ports.source import Lost
from tests.contract.source_world import Reader, Record, lists
from tests.integration.discovery.file_world import FileWorld, text

ONE, TWO = Record(node_id="gw-1"), Record(node_id="gw-2", host="192.0.2.8")


async def test_a_change_of_the_file_is_seen_by_itself(tmp_path: Path) -> None:
    world = FileWorld(tmp_path)
    await world.start()

    async with Reader(world.source()) as reader:
        await reader.until(lists())
        await world.put(ONE)
        await reader.until(lists(ONE))
        await world.put(TWO)
        await reader.until(lists(ONE, TWO))
        await world.remove(ONE.node_id)
        await reader.until(lists(TWO))


async def test_a_fault_is_told_with_its_line_and_the_file_is_taken_once_it_is_corrected(
    tmp_path: Path,
) -> None:
    world = FileWorld(tmp_path)
    await world.put(ONE)
    await world.start()

    async with Reader(world.source()) as reader:
        good = await reader.until(lists(ONE))
        await world.spoil("a node that is none")
        lost = await reader.until(lambda report: report != good)
        await world.mend()
        assert await reader.until(lists(ONE)) == good

    assert isinstance(lost, Lost)
    assert lost.reason.startswith("nodes.yaml: line 1: nodes[0]: expected")


async def test_a_file_that_is_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    world = FileWorld(tmp_path)
    await world.put(ONE)
    await world.start()
    whole = text([ONE, TWO], "yaml")

    async with Reader(world.source()) as reader:
        await reader.until(lists(ONE))
        with world.path.open("w", encoding="utf-8", buffering=1) as file:
            for line in whole.splitlines(keepends=True):
                file.write(line)
                await asyncio.sleep(0.002)  # a tenth of what counts as settled
        report = await reader.next()

    assert lists(ONE, TWO)(report)


async def test_a_file_that_does_not_change_is_confirmed(tmp_path: Path) -> None:
    world = FileWorld(tmp_path)
    await world.start()
    source = ManualFile(FileOptions(path=world.path, confirm=0.1))

    async with Reader(source) as reader:
        first = await reader.next()
        assert [await reader.next() for _ in range(3)] == [first] * 3
