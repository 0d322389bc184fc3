"""Parts of two organisations killed under load, and what their audits then say of every request."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import asyncpg

from control_plane.app.demo.organisation import Organisation
from control_plane.chain.crossing import crossed
from control_plane.gateway.envoy_admin import EnvoyAdmin
from control_plane.model.audit import AuditEvent
from control_plane.peering.reconciling import NAMED
from control_plane.store.audit_rows import COLUMNS, event_of
from control_plane.store.embedded import dsn_of
from tests.e2e.pair import Pair

Report = Mapping[str, Any]  # of a comparison, as the API shows it

REQUEST = b"GET /kills HTTP/1.1\r\nhost: orders.luebeck.example\r\n\r\n"

COUNTED = """
SELECT count(*) FILTER (WHERE status > 0) AS answered,
    count(*) FILTER (WHERE status BETWEEN 200 AND 299) AS good,
    count(*) AS lines, count(DISTINCT (reporter, row_id)) AS once
FROM audit_events WHERE direction = $1 AND event_type LIKE 'cross_org_request%'
"""
ROWS = f"""
SELECT {", ".join(COLUMNS)} FROM audit_events
WHERE direction = $1 AND event_type LIKE 'cross_org_request%'
"""  # noqa: S608 - names of ours


@dataclass
class Counter:
    """What Envoy says that it has answered, by the first digit of the status."""

    good: int = 0
    all: int = 0

    def add(self, other: "Counter") -> None:
        """Count the other's too."""
        self.good += other.good
        self.all += other.all


@dataclass
class Side:
    """One organisation's only gateway, and what its Envoys have counted."""

    organisation: Organisation
    direction: str
    counted: Counter = field(default_factory=Counter)  # by Envoys that were killed, just before
    kills: list[float] = field(default_factory=list)  # when Envoys were killed
    begins: list[float] = field(default_factory=list)  # when the requests that have a row began

    async def completed(self) -> Counter:
        """The requests that the present Envoy has answered on this listener."""
        site = self.organisation.sites[0]
        path = self.organisation.state_dir / "gateway" / site.gateway_id / "run" / "admin.sock"
        names = f"^http.{self.direction}.downstream_rq_[245]xx$"
        lines = (await EnvoyAdmin(path).read(f"/stats?filter={names}")).splitlines()
        if not lines:
            raise OSError("expected an Envoy that answers, got none")
        found = {line.partition(": ")[0][-3]: int(line.rpartition(": ")[2]) for line in lines}
        return Counter(found.get("2", 0), sum(found.values()))

    async def kill(self, part: str) -> None:
        """``kill -9`` of one part; of an Envoy just after its counter was read."""
        if part != "envoy":
            self.organisation.kill(part)
            return
        pid = self.organisation.envoy_pid(self.organisation.sites[0])
        counted = await self.completed()
        os.kill(pid, signal.SIGKILL)
        self.kills.append(time.time())
        self.counted.add(counted)

    async def rows(self) -> asyncpg.Record:
        """How many the audit has of it."""
        connection = await asyncpg.connect(dsn_of(self.organisation.state_dir))
        try:
            return await connection.fetchrow(COUNTED, self.direction)
        finally:
            await connection.close()

    async def crossings(self) -> dict[str, AuditEvent]:
        """All rows about requests that the other side saw, or may have seen, by correlation id."""
        connection = await asyncpg.connect(dsn_of(self.organisation.state_dir))
        try:
            events = [event_of(row) for row in await connection.fetch(ROWS, self.direction)]
        finally:
            await connection.close()
        self.begins = [span(event)[0] for event in events]
        return {event.correlation_id: event for event in events if crossed(event)}

    async def verified(self) -> int:
        """Verify the whole log; the rows that it has."""
        after: str | None = ""
        while after is not None:
            found = await self.organisation.get("/audit/verify", after=after)
            assert found["bad"] is None, found["bad"]
            after = found["next"]
        return int(found["total"] + found["unsealed"])


@dataclass
class Load:
    """What the caller got: when each request was answered, by correlation id."""

    rate: int  # requests a second
    began: float = field(default_factory=time.time)
    answered: dict[str, float] = field(default_factory=dict)
    broken: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def connections(self) -> int:
        """Each has one request under way, and may wait for its answer while parts are away."""
        return max(8, self.rate // 20)

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
                due = max(due + self.connections / self.rate, time.perf_counter() - 0.5)
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                writer.write(REQUEST)
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
                size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                body = await asyncio.wait_for(reader.readexactly(size), 20)
                if head.startswith(b"HTTP/1.1 200 "):
                    self.answered[json.loads(body)["correlation_id"]] = time.time()
        finally:
            writer.close()


@asynccontextmanager
async def load(both: Pair, rate: int) -> AsyncIterator[Load]:
    """Requests of Novgorod's application until the end of the block."""
    made = Load(rate)
    async with asyncio.TaskGroup() as group:
        for _ in range(made.connections):
            group.create_task(made.run(both.novgorod.sites[0].egress))
        try:
            yield made
        finally:
            made.done.set()


async def reports(own: Side, partner: Side, *, since: float, differ: int) -> list[Report]:
    """A comparison of the whole time, or one for each killed Envoy where one cannot name all that differs."""
    kills = sorted(own.kills + partner.kills)
    between = [(a + b) / 2 for a, b in pairwise(kills)] if differ > NAMED else []
    edges = [since, *between, time.time()]
    found: list[Report] = []
    for start, end in pairwise(datetime.fromtimestamp(at, UTC).isoformat() for at in edges):
        body = {"organisation": partner.organisation.trust_domain, "since": start, "until": end}
        found.append(await own.organisation.post("/audit/reconciliations", body))
    return found


def early(side: Side, start: float, end: float) -> float:
    """How long before a kill of this side's Envoy a request had ended; 0: it had begun and not ended."""
    return max(0.0, min((kill - end for kill in side.kills if start <= kill), default=float("inf")))


def cut(side: Side, start: float) -> float:
    """The same of a request that nobody was answered, and that the other side saw first at ``start``.

    It may have read it from the kernel when our Envoy was dead already, but not after the next one began.
    """
    began_before = any(start <= kill for kill in side.kills)
    nobody_since = any(not any(kill < begun <= start for begun in side.begins) for kill in side.kills)
    return 0.0 if began_before or nobody_since else float("inf")


def span(event: AuditEvent) -> tuple[float, float]:
    """When the request began and ended, by the clock of this machine."""
    began = event.timestamp.timestamp()
    return began, began + (event.duration_ms or 0.0) / 1000
