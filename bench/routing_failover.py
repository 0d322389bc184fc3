"""Nodes that die under load: two of one organisation, then all of the first member of a group."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter

from bench.report import Report, quick
from control_plane.gateway.envoy_binary import find_envoy
from control_plane.model.group import Group
from control_plane.model.identity import ResourceName
from control_plane.model.tuning import Tuning
from tests.integration.translate.envoy import Envoy
from tests.integration.translate.parties import CALLER, OTHER, SERVER, Cast, Parties, parties

RATE = 500  # requests a second
BEFORE, AFTER = (1, 3) if quick() else (5, 20)  # seconds of load before and after a node is killed


@dataclass
class Load:
    """Requests at a steady rate, whatever becomes of them: when each was sent, and its status."""

    sent: list[tuple[float, int]] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def failed(self, since: float = 0.0) -> int:
        """Requests sent after ``since`` that did not get 200."""
        return sum(status != 200 for at, status in self.sent if at >= since)


@asynccontextmanager
async def load(both: Parties, host: str) -> AsyncIterator[Load]:
    """Send until the end of the block."""
    result, done = Load(), asyncio.Event()

    async def one(at: float) -> None:
        status, _ = await both.get("/load", host=host)
        result.sent.append((at, status))

    async def run() -> None:
        began = perf_counter()
        for number in range(10**9):
            if done.is_set():
                return
            await asyncio.sleep(max(0.0, began + number / RATE - perf_counter()))
            task = asyncio.create_task(one(perf_counter()))
            result.tasks.add(task)
            task.add_done_callback(result.tasks.discard)

    running = asyncio.create_task(run())
    try:
        yield result
    finally:
        done.set()
        await running
        await asyncio.gather(*result.tasks)


async def two_nodes(report: Report) -> None:
    """One of two is killed."""
    async with parties(Tuning(), servers=2) as both:
        async with load(both, "orders.server.example") as sent:
            await asyncio.sleep(BEFORE)
            both.servers[0].kill()
            await asyncio.sleep(AFTER)
        report.line(requests=len(sent.sent), rate=RATE)
        report.figure(
            "one of two nodes killed: failed requests", sent.failed(), unit=f"of {len(sent.sent)}", at_most=0
        )


async def group(report: Report) -> None:
    """All nodes of the first of two organisations are killed, and one comes back."""
    tuning = Tuning(circuit_open=1, circuit_interval=0.5)
    whole = Group(ResourceName("orders"), CALLER, (SERVER, OTHER))
    async with parties(tuning, servers=2, cast=Cast(others=1, more=[whole])) as both:
        async with load(both, f"orders.{CALLER}") as sent:
            await asyncio.sleep(BEFORE)
            gone = perf_counter()
            for server in both.servers:
                server.kill()
            await asyncio.sleep(AFTER)
            served = len(both.service.seen)
            back = perf_counter()
            process = restart(both.servers[0])
            try:
                returned = await _until(lambda: _by_first(both, served))
            finally:
                await asyncio.sleep(0.5)
                ended = perf_counter()
        process.kill()
        process.wait()
        report.line(requests=len(sent.sent), first_second=sent.failed() - sent.failed(gone + 1))
        report.figure(
            "first organisation of a group gone: failed requests after the first second",
            sum(status != 200 for at, status in sent.sent if gone + 1 <= at < ended),
            unit=f"of {len(sent.sent)}",
            at_most=0,
        )
        report.figure("first organisation back, asked again after", returned - back, unit="s", at_most=15)


def _by_first(both: Parties, since: int) -> bool:
    return any(seen["host"] == f"orders.{SERVER}" for seen in both.service.seen[since:])


async def _until(condition: Callable[[], bool]) -> float:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.02)
    return perf_counter()


def restart(envoy: Envoy) -> subprocess.Popen[bytes]:
    """Start a killed Envoy again where it was."""
    path = envoy.directory / "bootstrap.json"
    document = json.loads(path.read_text())
    for listener in document["staticResources"]["listeners"]:
        listener["address"]["socketAddress"]["portValue"] = envoy.ports[listener["name"]]
    path.write_text(json.dumps(document))
    command = [str(find_envoy(None)), "-c", path.name, "--disable-hot-restart", "--concurrency", "1"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=envoy.directory, stdout=quiet, stderr=quiet)
