"""The embedded PostgreSQL: it keeps what it has, and never outlives its launcher."""

import asyncio
import os
import signal
from pathlib import Path

import asyncpg
import pytest

from control_plane.ports.errors import UnavailableError
from control_plane.store.embedded import EmbeddedPostgres, dsn_of
from control_plane.store.errors import UnusableDatabaseError
from tests.integration.store.servers import end, execute, gone, launcher, running, value_of

pytestmark = pytest.mark.integration


async def test_what_was_stored_is_there_after_a_restart(state_dir: Path) -> None:
    steps: list[str] = []
    server = EmbeddedPostgres(state_dir, progress=steps.append)
    async with running(server) as dsn:
        await execute(
            server.owner_dsn, "CREATE TABLE kept AS SELECT 7 AS number; GRANT SELECT ON kept TO PUBLIC"
        )

    async with running(EmbeddedPostgres(state_dir, progress=steps.append)) as again:
        assert await value_of(again, "SELECT number FROM kept") == 7

    assert again == dsn == dsn_of(state_dir)
    assert steps == [
        "making the database (only the first time)",
        "starting PostgreSQL",
        "starting PostgreSQL",
    ]


async def test_it_listens_on_no_port_and_keeps_what_it_acknowledged(state_dir: Path) -> None:
    settings = ("listen_addresses", "fsync", "synchronous_commit", "full_page_writes", "jit", "TimeZone")

    async with running(EmbeddedPostgres(state_dir)) as dsn:
        found = [await value_of(dsn, f"SHOW {name}") for name in settings]

    assert found == ["", "on", "on", "on", "off", "UTC"]


async def test_after_a_kill_the_same_launcher_starts_it_again(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    async with running(server) as dsn:
        await execute(
            server.owner_dsn, "CREATE TABLE kept AS SELECT 7 AS number; GRANT SELECT ON kept TO PUBLIC"
        )
        busy = await asyncpg.connect(dsn)
        query = asyncio.create_task(busy.execute("SELECT pg_sleep(30)"))
        os.kill(server.pid, signal.SIGKILL)
        code = await server.wait()

        again = await server.start()

        assert code == -signal.SIGKILL
        assert again == dsn
        assert await value_of(again, "SELECT number FROM kept") == 7
        with pytest.raises((OSError, asyncpg.PostgresError)):
            await query


async def test_a_killed_launcher_takes_its_server_along_and_the_next_one_starts(state_dir: Path) -> None:
    process, pid = await asyncio.to_thread(launcher, state_dir)

    await asyncio.to_thread(end, process)

    assert await asyncio.to_thread(gone, pid)
    async with running(EmbeddedPostgres(state_dir)) as dsn:
        assert await value_of(dsn, "SELECT 7") == 7


async def test_the_next_launcher_does_not_wait_for_the_server_of_a_killed_one(state_dir: Path) -> None:
    process, pid = await asyncio.to_thread(launcher, state_dir)
    os.kill(pid, signal.SIGSTOP)  # it cannot end by itself now

    await asyncio.to_thread(end, process)
    os.kill(pid, signal.SIGCONT)

    async with running(EmbeddedPostgres(state_dir)) as dsn:
        assert await value_of(dsn, "SELECT 7") == 7
        assert gone(pid, within=0.1)


async def test_a_pid_file_with_somebody_elses_process_id_does_not_stop_it(state_dir: Path) -> None:
    async with running(EmbeddedPostgres(state_dir)):
        file = state_dir / "postgres" / "data" / "postmaster.pid"
        text = file.read_text(encoding="ascii")
        owner = file.stat()
    file.write_text(text.replace(text.split("\n")[0], str(os.getpid()), 1), encoding="ascii")
    os.chown(file, owner.st_uid, owner.st_gid)

    async with running(EmbeddedPostgres(state_dir)) as dsn:
        assert await value_of(dsn, "SELECT 7") == 7


async def test_a_second_launcher_on_the_same_directory_is_refused_and_harms_nothing(state_dir: Path) -> None:
    async with running(EmbeddedPostgres(state_dir)) as dsn:
        second = EmbeddedPostgres(state_dir)
        with pytest.raises(UnavailableError, match="another launcher"):
            await second.start()
        await second.stop()

        assert await value_of(dsn, "SELECT 7") == 7


async def test_half_a_data_directory_is_made_anew(state_dir: Path) -> None:
    unfinished = state_dir / "postgres" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n", encoding="ascii")

    async with running(EmbeddedPostgres(state_dir)) as dsn:
        assert await value_of(dsn, "SELECT 7") == 7

    assert not unfinished.exists()


async def test_data_of_another_major_version_is_left_alone_with_a_clear_error(state_dir: Path) -> None:
    data = state_dir / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("12\n", encoding="ascii")

    with pytest.raises(UnusableDatabaseError, match=r"expected programs of PostgreSQL 12.*pg_dump"):
        await EmbeddedPostgres(state_dir).start()

    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


@pytest.mark.alone
async def test_it_stops_in_spite_of_clients(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir)
    dsn = await server.start()
    client = await asyncpg.connect(dsn)
    query = asyncio.create_task(client.execute("SELECT pg_sleep(30)"))

    async with asyncio.timeout(9):  # before the deadline of the first step
        await server.stop()
        code = await server.wait()

    assert code == 0
    with pytest.raises((OSError, asyncpg.PostgresError)):
        await query
    client.terminate()


async def test_the_log_stays_small(state_dir: Path) -> None:
    log = state_dir / "postgres" / "server.log"
    async with running(EmbeddedPostgres(state_dir)):
        with log.open("ab") as file:
            file.write(b"x" * (3 << 20))

    async with running(EmbeddedPostgres(state_dir)):
        sizes = [path.stat().st_size for path in log.parent.glob("server.log*")]

    assert len(sizes) == 2
    assert sum(sizes) < 2 << 20


async def test_a_server_that_cannot_start_says_why(state_dir: Path) -> None:
    async with running(EmbeddedPostgres(state_dir)):
        data = state_dir / "postgres" / "data"
    (data / "global" / "pg_control").unlink()

    with pytest.raises(UnavailableError, match="pg_control"):
        await EmbeddedPostgres(state_dir).start()
