"""Under load, with parts killed at random: each request that was answered is a row, once, in a good log.

``PROXENIA_TEST_KILLS`` (8) and ``PROXENIA_TEST_RATE`` (300 requests a second) make it longer; what was
promised is 30 kills at 1,000.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import asyncpg
import pytest

from control_plane.app.demo.organisation import Organisation, eventually
from control_plane.gateway.envoy_admin import EnvoyAdmin
from control_plane.store.embedded import dsn_of
from tests.e2e.conftest import room
from tests.e2e.pair import Pair, pair

KILLS = int(os.environ.get("PROXENIA_TEST_KILLS", "8"))
RATE = int(os.environ.get("PROXENIA_TEST_RATE", "300"))
CONNECTIONS = 8
PAUSE = 2.0  # seconds between kills, at most
PARTS = ("envoy", "gateway", "control-plane", "postgres")
REQUEST = b"GET /kills HTTP/1.1\r\nhost: orders.luebeck.example\r\n\r\n"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180 + 12 * KILLS)]

ROWS = """
SELECT count(*) FILTER (WHERE status > 0) AS answered, count(*) AS lines,
    count(DISTINCT (reporter, row_id)) AS once
FROM audit_events WHERE direction = $1 AND event_type LIKE 'cross_org_request%'
"""


@dataclass
class Side:
    """One organisation's only gateway, and what its Envoys have counted."""

    organisation: Organisation
    direction: str
    counted: int = 0  # by Envoys that were killed, just before
    killed: int = 0

    async def completed(self) -> int:
        """The requests that the present Envoy has answered on this listener."""
        site = self.organisation.sites[0]
        path = self.organisation.state_dir / "gateway" / site.gateway_id / "run" / "admin.sock"
        names = f"^http.{self.direction}.downstream_rq_[245]xx$"
        lines = (await EnvoyAdmin(path).read(f"/stats?filter={names}")).splitlines()
        if not lines:
            raise OSError("expected an Envoy that answers, got none")
        return sum(int(line.rpartition(": ")[2]) for line in lines)

    async def kill_envoy(self) -> None:
        """Read its counter, and kill it at once."""
        pid = self.organisation.envoy_pid(self.organisation.sites[0])
        self.counted += await self.completed()
        os.kill(pid, signal.SIGKILL)
        self.killed += 1

    async def rows(self) -> asyncpg.Record:
        """What the audit has of it."""
        connection = await asyncpg.connect(dsn_of(self.organisation.state_dir))
        try:
            return await connection.fetchrow(ROWS, self.direction)
        finally:
            await connection.close()


@dataclass
class Load:
    """What the caller got."""

    answered: int = 0
    broken: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, port: int) -> None:
        """Requests at a steady pace on one connection, and on a new one when it breaks."""
        while not self.done.is_set():
            try:
                await self._on_one(port)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                self.broken += 1
                await asyncio.sleep(0.05)

    async def _on_one(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        due = time.perf_counter()
        try:
            while not self.done.is_set():
                due = max(due + CONNECTIONS / RATE, time.perf_counter() - 0.5)
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                writer.write(REQUEST)
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
                size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                await asyncio.wait_for(reader.readexactly(size), 20)
                self.answered += 1
        finally:
            writer.close()


@asynccontextmanager
async def load(both: Pair) -> AsyncIterator[Load]:
    made = Load()
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(made.run(both.novgorod.sites[0].egress))
        try:
            yield made
        finally:
            made.done.set()


async def kill(side: Side, part: str) -> None:
    """``kill -9`` of one part, when it is there."""
    if part == "envoy":
        await side.kill_envoy()
    else:
        side.organisation.kill(part)


async def settled(side: Side) -> bool:
    """Whether nothing arrives any more, and all that Envoy has counted has arrived."""
    rows = await side.rows()
    await asyncio.sleep(1)
    again = await side.rows()
    return bool(
        rows["lines"] == again["lines"] and (side.killed or again["answered"] == await side.completed())
    )


async def test_every_answered_request_is_a_row_whatever_is_killed() -> None:
    chance = random.Random(int(os.environ.get("PROXENIA_TEST_SEED", "1")))  # noqa: S311 - which part is killed
    with room() as directory:
        async with pair(directory, {}) as both:
            sides = (Side(both.novgorod, "egress"), Side(both.luebeck, "ingress"))
            order = [PARTS[number % len(PARTS)] for number in range(KILLS)]
            chance.shuffle(order)
            async with load(both) as seen:
                for part in order:
                    await asyncio.sleep(chance.uniform(0.2, PAUSE))
                    side = chance.choice(sides)
                    await eventually(f"{part} to be there", partial(attempt, side, part), within=60)
            for side in sides:
                await eventually("the control plane to be back", partial(_back, side), within=90)
                await eventually(f"all {side.direction} rows", partial(settled, side), within=90)
                await judge(side)
            assert seen.answered > KILLS * RATE * 0.2


async def attempt(side: Side, part: str) -> bool:
    """Kill; False when that part is just being started after another kill."""
    try:
        await kill(side, part)
    except Exception:  # noqa: BLE001 - whatever says that it is not there yet
        return False
    return True


async def _back(side: Side) -> bool:
    try:
        await side.organisation.get("/readyz", api=False)
        await side.rows()
    except Exception:  # noqa: BLE001 - whatever says that it is not there yet
        return False
    return True


async def judge(side: Side) -> None:
    """Rows are what Envoy counted; a killed Envoy may miss the lines of its last 100 ms, and no more."""
    rows = await side.rows()
    counted = side.counted + await side.completed()
    lost, late = int(RATE * 0.1 * side.killed) + CONNECTIONS * side.killed, CONNECTIONS * 20 * side.killed
    assert rows["once"] == rows["lines"]
    assert counted - lost <= rows["answered"] <= counted + late
    if not side.killed:
        assert rows["answered"] == counted
    after: str | None = ""
    while after is not None:
        found = await side.organisation.get("/audit/verify", after=after)
        assert found["bad"] is None
        after = found["next"]
    assert found["total"] + found["unsealed"] >= rows["lines"]
