"""Servers and processes for the tests of the embedded PostgreSQL."""

import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from control_plane.store.embedded import EmbeddedPostgres

LAUNCHER = """
import asyncio, sys
from pathlib import Path
from control_plane.store.embedded import EmbeddedPostgres

async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@asynccontextmanager
async def running(server: EmbeddedPostgres) -> AsyncIterator[str]:
    try:
        yield await server.start()
    finally:
        await server.stop()


async def value_of(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def gone(pid: int, *, within: float = 10) -> bool:
    """Whether the process ends in that time; one that waits for its parent counts as ended."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def launcher(state_dir: Path) -> tuple[subprocess.Popen[str], int]:
    """A process that runs a server, and that server's process id."""
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(state_dir)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()
