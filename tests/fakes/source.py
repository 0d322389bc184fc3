"""A place in memory, and a source that looks at it."""

import asyncio
from collections.abc import AsyncIterator

from control_plane.model.problem import Problem
from control_plane.model.sighting import Candidate, RawEndpoint, SourceKind
from control_plane.ports.source import Lost, Report, Seen, Source
from tests.contract.source_world import Record

EVERY = 60.0  # seconds
PATIENCE = 0.3  # seconds


class FakeSource:
    """Implements ports.source.Source: says what ``answer`` gives."""

    kind = SourceKind.PLUGIN

    def __init__(self, world: "FakeWorld", name: str = "fake") -> None:
        self.name = name
        self._world = world
        self._wake = asyncio.Event()

    async def reports(self) -> AsyncIterator[Report]:
        while True:
            self._wake.clear()
            yield await self._look()
            try:
                async with asyncio.timeout(EVERY):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _look(self) -> Report:
        if self._world.silent:
            await asyncio.sleep(PATIENCE)
            return Lost("no answer in time")
        return self._world.answer

    def look(self) -> None:
        self._wake.set()


class FakeWorld:
    """Implements World."""

    rubbish = ("nothing readable", "a record that is none")

    def __init__(self) -> None:
        self.silent = False
        self._records: dict[str, Record] = {}
        self._spoilt: Report | None = None

    @property
    def answer(self) -> Report:
        if self._spoilt is not None:
            return self._spoilt
        return Seen(tuple(candidate_of(self._records[node_id]) for node_id in sorted(self._records)))

    async def start(self) -> None:
        await self.mend()

    async def stop(self) -> None:
        await self.break_off()

    async def put(self, record: Record) -> None:
        self._records[record.node_id] = record

    async def remove(self, node_id: str) -> None:
        del self._records[node_id]

    async def break_off(self) -> None:
        self._spoilt = Lost("connection refused")

    async def fall_silent(self) -> None:
        self.silent = True

    async def spoil(self, rubbish: str) -> None:
        refused = Problem("record x", "unreadable_record", "expected text, got bytes")
        self._spoilt = Lost("not text") if rubbish == self.rubbish[0] else Seen((), (refused,))

    async def mend(self) -> None:
        self.silent, self._spoilt = False, None

    def source(self) -> Source:
        return FakeSource(self)


def candidate_of(record: Record, *, ttl: float = 0.0) -> Candidate:
    """What a source that understood everything says of this record."""
    return Candidate(
        subject=record.node_id,
        node_id=record.node_id,
        organisation=record.organisation,
        spiffe_id=record.spiffe_id,
        endpoints=(RawEndpoint(record.host, record.port),),
        version=record.version,
        region=record.region,
        resources=record.resources,
        ttl=ttl,
    )
