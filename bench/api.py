"""The admin API: how long a page of each list takes when there are 10,000 items, and what it holds up.

Run with ``make bench NAME=api`` (``QUICK=1``: less than 45 s). A real PostgreSQL, the API in a process of its
own. Each list is read page by page with the default and the largest page; every page counts. The lists are
those operations of the API that take ``limit``: a new one is measured without being named here.
"""

import asyncio
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp

from bench.api_fill import fill
from bench.report import Report, percentile, quick
from control_plane.admin.app import ROUTES
from control_plane.admin.listing import MAX_PAGE
from control_plane.store.database import Database
from control_plane.store.embedded import EmbeddedPostgres, dsn_of, owner_dsn_of

ITEMS = 10_000
PAGE = 100
MOST_MS = 100.0
MOST_LAG_MS = 50.0
ROUNDS = 1 if quick() else 5
WAITING = {"/api/v1/audit/tail"}  # it answers when there is something new
_WITHIN = 60.0  # seconds


def lists() -> list[tuple[str, str]]:
    """The path of every list, and the parameter that says where to go on."""
    found = []
    for operation in (route.operation for route in ROUTES if route.operation.method == "GET"):
        names = {field.name for field in fields(operation.takes)}
        if "limit" in names and operation.path not in WAITING:
            found.append((operation.path, "after" if "after" in names else "before"))
    return sorted(found)


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a filled API."""
    server = EmbeddedPostgres(directory)
    await server.start()
    try:
        async with Database(dsn_of(directory), owner=owner_dsn_of(directory)) as database:
            await database.migrate()
            await fill(owner_dsn_of(directory), database, ITEMS)
        api = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.api_server", dsn_of(directory), str(directory), stdout=PIPE
        )
        try:
            assert api.stdout is not None
            async with asyncio.timeout(_WITHIN):
                await api.stdout.readline()
            connector = aiohttp.UnixConnector(str(directory / "run" / "admin.sock"))
            async with aiohttp.ClientSession("http://localhost", connector=connector) as session:
                yield session
        finally:
            if api.returncode is None:
                api.terminate()
            await api.wait()
    finally:
        await server.stop()


async def measure(
    session: aiohttp.ClientSession, path: str, cursor: str, limit: int
) -> tuple[list[float], int]:
    """Milliseconds of each page, and how many items there were."""
    taken, items, after = [], 0, None
    while True:
        query = {"limit": str(limit)} | ({cursor: after} if after is not None else {})
        began = perf_counter()
        async with session.get(path, params=query) as answer:
            body = await answer.read()
        taken.append((perf_counter() - began) * 1000)
        document: dict[str, Any] = await answer.json()
        assert answer.status == 200, body[:500]
        items, after = items + len(document["items"]), document["next"]
        if after is None:
            return taken, items


async def lag_of(session: aiohttp.ClientSession) -> tuple[float, float, float]:
    """How late the server's event loop was since the last question, by the clock and by its own work.

    And how much the server has computed so far; all in milliseconds.
    """
    async with session.get("/lag") as answer:
        told = await answer.json()
    return float(told["late_ms"]), float(told["busy_ms"]), float(told["cpu_ms"])


async def read_all(session: aiohttp.ClientSession, report: Report) -> None:
    """Every list, in small and in large pages."""
    late = busy = 0.0
    for path, cursor in lists():
        await measure(session, path, cursor, MAX_PAGE)  # statements are planned once
        *_, computed = await lag_of(session)
        for limit in (PAGE, MAX_PAGE):
            taken: list[float] = []
            items = 0
            for _ in range(ROUNDS * (1 if limit == PAGE else 2)):
                more, items = await measure(session, path, cursor, limit)
                taken += more
            told = await lag_of(session)
            late, busy = max(late, told[0]), max(busy, told[1])
            cpu, computed = (told[2] - computed) / len(taken), told[2]
            report.line(
                list=path,
                limit=limit,
                items=items,
                pages=len(taken),
                p50_ms=round(percentile(taken, 0.5), 2),
                cpu_ms_each=round(cpu, 2),
            )
            name = f"{path.removeprefix('/api/v1/')}, page of {limit}, p99"
            report.figure(name, percentile(taken, 0.99), unit="ms", at_most=MOST_MS)
    report.figure("event loop held up by the API's own work", busy, unit="ms", at_most=MOST_LAG_MS)
    report.figure("event loop late by the clock", late, unit="ms")


async def main() -> int:
    """Measure everything; exit status 0 when every figure holds."""
    report = Report("api")
    report.progress(f"{ITEMS} of everything")
    with tempfile.TemporaryDirectory(prefix="proxenia-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # noqa: ASYNC240 - one call on a local directory
        async with serving(directory) as session:
            await read_all(session, report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
