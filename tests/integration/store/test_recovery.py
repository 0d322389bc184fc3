"""PostgreSQL dies under the writers: what was acknowledged stays, and everything goes on by itself."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from control_plane.model.change import Kind
from control_plane.ports.audit import AuditQuery, Checkpoint
from control_plane.ports.errors import ConflictError, UnavailableError
from control_plane.ports.objects import Mode, Write
from control_plane.store.database import Database
from control_plane.store.embedded import EmbeddedPostgres
from tests.fakes.values import audit_event, node
from tests.integration.store.servers import running

pytestmark = pytest.mark.integration

BOUND = 30.0  # seconds; only ends a hang: that recovery takes less than ten is measured, not tested


@asynccontextmanager
async def supervised(server: EmbeddedPostgres) -> AsyncIterator[Database]:
    """A server that is started again whenever it ends, and an open database on it."""

    async def keep() -> None:
        while True:
            await server.wait()
            with suppress(UnavailableError):  # it was killed while it started: once more
                await server.start()

    dsn = await server.start()
    keeper = asyncio.create_task(keep())
    try:
        async with Database(dsn, owner=server.owner_dsn) as database:
            await database.migrate()
            yield database
    finally:
        keeper.cancel()
        await asyncio.wait([keeper])
        await server.stop()


async def write_numbers(database: Database, writer: str, acknowledged: list[str]) -> None:
    """Create one node after the other, until cancelled, and note what was acknowledged."""
    number = 0
    while True:
        value = node(f"{writer}-{number}")
        try:
            await database.objects.write([Write(Kind.NODE, value.key, value, Mode.CREATE)], actor=writer)
        except UnavailableError:
            await asyncio.sleep(0.02)
            continue
        except ConflictError:
            pass  # the attempt before took effect, although its answer was lost
        acknowledged.append(value.key)
        number += 1


async def ship_rows(database: Database, acknowledged: list[str]) -> None:
    """Append audit rows with a checkpoint, each batch until it is acknowledged."""
    offset = 0
    while True:
        batch = [audit_event(offset + number) for number in range(10)]
        try:
            await database.audit.append(batch, Checkpoint("gw-1", "access", "access-1", offset + 10))
        except UnavailableError:
            await asyncio.sleep(0.02)
            continue
        acknowledged.extend(event.row_id for event in batch)
        offset += 10


async def grown(lists: list[list[str]], *, by: int) -> None:
    """Return when each list has that many more entries."""
    wanted = [len(entries) + by for entries in lists]
    while any(len(entries) < count for entries, count in zip(lists, wanted, strict=True)):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)


async def test_no_acknowledged_write_is_lost_and_no_row_is_double(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    created: dict[str, list[str]] = {"one": [], "two": []}
    shipped: list[str] = []
    async with supervised(server) as database:
        tasks = [asyncio.create_task(write_numbers(database, name, keys)) for name, keys in created.items()]
        tasks.append(asyncio.create_task(ship_rows(database, shipped)))
        for _ in range(3):
            async with asyncio.timeout(BOUND):
                await grown([*created.values(), shipped], by=10)
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)

        async with asyncio.timeout(BOUND):
            while True:
                with suppress(UnavailableError):
                    change = await database.objects.changes(0)
                    rows = await database.audit.query(AuditQuery(limit=100_000))
                    checkpoint = (await database.audit.checkpoints("gw-1"))[0]
                    break
                await asyncio.sleep(0.05)

    assert all(isinstance(error, asyncio.CancelledError) for error in ended)
    assert {item.key for item in change.items} >= {key for keys in created.values() for key in keys}
    row_ids = [row.row_id for row in rows]
    assert len(set(row_ids)) == len(row_ids) == checkpoint.offset
    assert set(row_ids) >= set(shipped)


async def test_calls_fail_while_it_is_down_and_all_goes_on_when_it_is_back(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    async with running(server) as dsn, Database(dsn, owner=server.owner_dsn) as database:
        await database.migrate()
        await database.objects.write([Write(Kind.NODE, node().key, node())], actor="ada")
        wakeups = database.objects.wakeups()
        await anext(wakeups)
        await server.stop()

        for call in (
            database.objects.changes(0),
            database.audit.checkpoints("gw-1"),
            database.deliveries.all(),
        ):
            with pytest.raises(UnavailableError) as caught:
                await call
            assert caught.value.__cause__ is not None
        await server.start()
        async with asyncio.timeout(BOUND):
            await database.objects.write([Write(Kind.NODE, node().key, node(port=1))], actor="ada")
            while (await database.objects.changes(0)).revision != 2:
                await anext(wakeups)
            await listens(database)
        await wakeups.aclose()  # type: ignore[attr-defined] # it is a generator


async def listens(database: Database) -> None:
    """Return when notifications arrive again, and not only polling."""
    wakeups = database.objects.wakeups()
    await anext(wakeups)
    number = 10
    while True:
        await asyncio.sleep(0.05)
        number += 1
        await database.objects.write([Write(Kind.NODE, node().key, node(port=number))], actor="ada")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await anext(wakeups)
                await wakeups.aclose()  # type: ignore[attr-defined] # it is a generator
                return
        wakeups = database.objects.wakeups()  # the one before was cancelled
        await anext(wakeups)


async def test_a_server_that_has_frozen_is_given_up_and_used_again_when_it_thaws(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    async with running(server) as dsn, Database(dsn, owner=server.owner_dsn) as database:
        await database.migrate()
        await database.objects.changes(0)
        frozen = children_of(server.pid)
        for pid in (server.pid, *frozen):
            os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(BOUND):
                with pytest.raises(UnavailableError):
                    await database.objects.changes(0)
        finally:
            for pid in (server.pid, *frozen):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(BOUND):
            while True:
                with suppress(UnavailableError):
                    await database.objects.changes(0)
                    break
                await asyncio.sleep(0.05)


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in text.split()]
