"""The admin API: how long a page of each list takes when there are 10,000 items, and what it holds up.

Run with ``make bench NAME=api`` (``QUICK=1``: less than 45 s). A real PostgreSQL, the API in a process of its
own. Each list is read page by page with the default and the largest page; every page counts (``QUICK=1``: of
large ones the first 20). The lists are those of the API's own document: a new one is measured without being
named here, and does not hold as long as there are not enough items of it.
"""

import asyncio
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp

from bench.api_fill import MARK, SOURCES, fill
from bench.report import Report, percentile, quick
from control_plane.admin.app import ROUTES
from control_plane.admin.listing import MAX_PAGE
from control_plane.admin.openapi import describe
from control_plane.admin.token_entries import MAX_TOKENS
from control_plane.store.database import Database
from control_plane.store.embedded import EmbeddedPostgres, dsn_of, owner_dsn_of
from tests.unit.admin.listed import Listed, paged

ITEMS = 10_000
PAGE = 100
LARGE = 20 if quick() else ITEMS  # pages of the largest size, of each list
MOST_MS = 100.0
MOST_LAG_MS = 50.0
ROUNDS = 1 if quick() else 5
WAITING = {"/api/v1/audit/tail"}  # it answers when there is something new
FEWER = {"/api/v1/tokens": MAX_TOKENS, "/api/v1/federation/sources": SOURCES}  # there are never so many
_WITHIN = 60.0  # seconds


def lists() -> list[Listed]:
    """Every list."""
    return [each for each in paged(describe(ROUTES, version="bench")) if each.path not in WAITING]


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
    session: aiohttp.ClientSession, listed: Listed, limit: int, *, pages: int = ITEMS
) -> tuple[list[float], int]:
    """Milliseconds of each of the first ``pages``, and how many items there were."""
    taken, items, after = [], 0, None
    path = listed.path.replace("{id}", MARK)
    while True:
        query = {"limit": str(limit)} | ({listed.cursor: after} if after is not None else {})
        began = perf_counter()
        async with session.get(path, params=query) as answer:
            body = await answer.read()
        taken.append((perf_counter() - began) * 1000)
        document: dict[str, Any] = await answer.json()
        assert answer.status == 200, body[:500]
        items, after = items + len(document["items"]), document["next"]
        if after is None or len(taken) == pages:
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
    for listed in lists():
        path = listed.path
        whole = 0
        for limit in (PAGE, MAX_PAGE):  # statements are planned once
            await measure(session, listed, limit, pages=1)
        *_, computed = await lag_of(session)
        for limit in (PAGE, MAX_PAGE):
            taken: list[float] = []
            items = 0
            for _ in range(ROUNDS):
                more, items = await measure(session, listed, limit, pages=ITEMS if limit == PAGE else LARGE)
                taken += more
            whole = max(whole, items)
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
            name = path.removeprefix("/api/v1/")
            report.figure(
                f"{name}, page of {limit}, p99", percentile(taken, 0.99), unit="ms", at_most=MOST_MS
            )
        least = FEWER.get(path, ITEMS)
        report.figure(f"{name}, items that were read", whole, unit="", at_least=least)
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
