"""The agent's keeper against a real server: what it writes down, and when it stands in."""

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from control_plane.gateway.durable import KeptFile
from control_plane.model.identity import ObjectId
from control_plane.model.xds import CLUSTER, ENDPOINTS, SECRET, XdsResource
from control_plane.ports.publisher import Name
from control_plane.translate.clusters import nothing
from control_plane.xds.keeper import FIRST_PATIENCE, Keeper
from control_plane.xds.kept import Kept
from control_plane.xds.lazy import Lazy
from tests.integration.xds.control import DOMAIN, Control, Setup, control
from tests.integration.xds.gateway_client import gateway, names
from tests.integration.xds.small_world import cluster, endpoints

pytestmark = pytest.mark.integration


def secret(name: str, body: bytes = b"", *, scope: str = "") -> XdsResource:
    return XdsResource.of(SECRET, name, b"\n" + bytes([len(name)]) + name.encode() + body, scope=scope)


def keeper_of(server: Control, file: Path, *, store: KeptFile | None = None, first_patience: float) -> Keeper:
    return Keeper(
        gateway=ObjectId("gw-1"),
        trust_domain=DOMAIN,
        target=f"unix:{server.socket}",
        socket=file.parent / "kept.sock",
        store=store or KeptFile(file),
        first_patience=first_patience,
        patience=0.3,
    )


@asynccontextmanager
async def keeping(
    server: Control, file: Path, *, store: KeptFile | None = None, first_patience: float = FIRST_PATIENCE
) -> AsyncIterator[Keeper]:
    keeper = keeper_of(server, file, store=store, first_patience=first_patience)
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def file() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="px-") as directory:
        yield Path(directory) / "kept.log"


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a file and a socket are no events
            await asyncio.sleep(0.02)


def written(file: Path) -> dict[str, str]:
    return Kept.replay(KeptFile(file).read()).versions(SECRET)


def is_private(file: Path) -> bool:
    return file.stat().st_mode & 0o077 == 0


def spoil(file: Path) -> None:
    file.write_bytes(b"nonsense")


async def test_what_gateways_are_told_is_written_down_as_it_changes(file: Path) -> None:
    one, two = secret("one"), secret("two")
    async with control(one, secret("others", scope="gw-2")) as server, keeping(server, file):
        await until(lambda: written(file) == {"one": one.version})
        server.put(two)
        await until(lambda: written(file) == {"one": one.version, "two": two.version})
        server.take(Name(SECRET, "one"))
        await until(lambda: written(file) == {"two": two.version})

        assert is_private(file)
        assert await server.deliveries.all() == []  # it is no gateway


async def test_it_stands_in_while_the_control_plane_is_away_and_no_longer(file: Path) -> None:
    one = secret("one")
    socket = file.parent / "kept.sock"
    async with control(one) as server, keeping(server, file):
        await until(lambda: written(file) == {"one": one.version})
        there = socket.exists()
        await server.stop()
        await until(socket.exists)
        await server.start(one, secret("two"))
        await until(lambda: not socket.exists())

    assert not there
    assert written(file).keys() == {"one", "two"}


class HeldFile(KeptFile):
    """A disk that takes what is added when it is released."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked, self.released = threading.Event(), threading.Event()

    def append(self, data: bytes) -> None:
        self.asked.set()
        assert self.released.wait(20)
        super().append(data)


async def test_a_control_plane_that_goes_while_the_disk_writes_is_followed_again(file: Path) -> None:
    one, two, store = secret("one"), secret("two"), HeldFile(file)
    async with control(one) as server, keeping(server, file, store=store):
        await until(lambda: written(file) == {"one": one.version})
        server.put(two)
        await until(store.asked.is_set)
        await server.stop()
        await server.start(one, two, secret("three"))
        async with gateway(server.socket, "gw-2") as client:  # by then the stream is known to have ended
            await client.ask(SECRET)
            await client.hear()
        store.released.set()

        await until(lambda: written(file).keys() == {"one", "two", "three"})


async def test_it_ends_whenever_it_is_told_to_while_it_stops_standing_in(file: Path) -> None:
    one = secret("one")
    async with control(one) as server:
        async with keeping(server, file):
            await until(lambda: written(file) == {"one": one.version})
        for turns in range(16):  # of the loop, from the control plane's return
            await server.stop()
            await server.start(one, closed=True)
            keeper = keeper_of(server, file, first_patience=0.0)
            task = asyncio.create_task(keeper.run())
            await until((file.parent / "kept.sock").exists)
            server.board.open()
            await keeper._present.wait()  # noqa: SLF001 - each turn since then is meant
            for _ in range(turns):
                await asyncio.sleep(0)

            task.cancel()

            ended, _ = await asyncio.wait([task], timeout=10)
            assert ended, turns


async def test_what_was_kept_is_served_after_a_restart_without_any_control_plane(file: Path) -> None:
    one = secret("one")
    async with control(one) as server:
        async with keeping(server, file):
            await until(lambda: written(file) == {"one": one.version})
        await server.stop()
        async with keeping(server, file, first_patience=0.3):
            await until((file.parent / "kept.sock").exists)
            async with gateway(file.parent / "kept.sock") as client:
                await client.ask(SECRET, "one")
                served = await client.hear()
        await server.start(one)

    assert names([served]) == ["one"]
    assert served.resources[0].version == one.version


async def test_who_refuses_what_it_is_served_without_a_control_plane_gets_the_version_before(
    file: Path,
) -> None:
    good, bad = cluster("c"), cluster("c", "2s")

    def kept() -> dict[str, str]:
        return Kept.replay(KeptFile(file).read()).versions(CLUSTER)

    async with control(good) as server, keeping(server, file):
        await until(lambda: kept() == {"c": good.version})
        server.put(bad)
        await until(lambda: kept() == {"c": bad.version})
        await server.stop()
        await until((file.parent / "kept.sock").exists)
        async with gateway(file.parent / "kept.sock") as client:
            await client.ask(CLUSTER)
            offered = [await client.hear(refusing="c"), await client.hear()]
        await server.start(bad)

    versions = [[resource.version for resource in message.resources] for message in offered]
    assert versions == [[bad.version], [good.version]]


async def test_on_demand_what_the_gateway_asked_for_is_written_down_and_nothing_else(file: Path) -> None:
    world = [cluster("to/b"), endpoints("to/b", 1), cluster("to/c"), endpoints("to/c", 1)]

    def kept(type_url: str) -> set[str]:
        return set(Kept.replay(KeptFile(file).read()).versions(type_url))

    async with control(*world, cluster("local/a"), setup=Setup(lazy=Lazy("to/", nothing))) as server:
        async with keeping(server, file), gateway(server.socket) as client:
            await client.ask(CLUSTER)
            await client.hear()
            await until(lambda: kept(CLUSTER) == {"local/a"})
            before = kept(ENDPOINTS)
            await client.ask(CLUSTER, "to/b")
            await until(lambda: kept(CLUSTER) == {"local/a", "to/b"} and kept(ENDPOINTS) == {"to/b"})
        async with keeping(server, file):  # which the gateway's Envoy does not outlive
            server.put(endpoints("to/b", 2), endpoints("to/c", 2))
            newest = server.board.shelf(ENDPOINTS, "").versions()
            await until(
                lambda: Kept.replay(KeptFile(file).read()).versions(ENDPOINTS) == {"to/b": newest["to/b"]}
            )

    assert before == set()


async def test_a_broken_file_is_written_anew(file: Path) -> None:
    one = secret("one")
    spoil(file)
    async with control(one) as server, keeping(server, file):
        await until(lambda: file.read_bytes() != b"nonsense")

    assert written(file) == {"one": one.version}
