"""Several replicas on one database: one follows a source, all see what it says, and another goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from control_plane.discovery.claims import Claims
from control_plane.discovery.follow import Needs
from control_plane.discovery.guard import Rules
from control_plane.discovery.watch import Watch
from control_plane.model.change import Kind
from control_plane.model.held import Held
from control_plane.model.identity import TrustDomain
from control_plane.model.sighting import SourceKind
from control_plane.plan.addresses import AddressPolicy
from control_plane.plan.age import Aging
from control_plane.ports.source import Report, Seen
from control_plane.store.database import Database
from tests.contract.source_world import Record
from tests.fakes.source import candidate_of

pytestmark = pytest.mark.integration

OWN = TrustDomain("bremen.example")
ONE, TWO = Record(node_id="gw-1"), Record(node_id="gw-2")
RULES = Rules(OWN, AddressPolicy.of(["192.0.2.0/24"]))


class Counted:
    """A source that says how often it runs, and what it is told to."""

    kind = SourceKind.PLUGIN
    name = "counted"

    def __init__(self, *records: Record) -> None:
        self.running = 0
        self.began, self.looked = asyncio.Event(), asyncio.Event()
        self._records = records
        self._wake = asyncio.Event()

    async def reports(self) -> AsyncIterator[Report]:
        self.running += 1
        self.began.set()
        try:
            while True:
                self._wake.clear()
                yield Seen(tuple(map(candidate_of, self._records)))
                await self._wake.wait()
        finally:
            self.running -= 1

    def look(self) -> None:
        self.looked.set()
        self._wake.set()


@asynccontextmanager
async def replica(database_url: str, source: Counted) -> AsyncIterator[Database]:
    async with Database(database_url) as database:
        needs = Needs(
            objects=database.objects,
            sources=database.sources,
            claims=Claims(database.audit, own=OWN, now=_now),
            rules=lambda: RULES,
            aging=Aging(keep=300, offline=300),
            now=_now,
        )
        task = asyncio.create_task(Watch([source], needs, singleton=database.singleton).run())
        try:
            yield database
        finally:
            task.cancel()
            await asyncio.wait({task})


def _now() -> datetime:
    return datetime.now(UTC)


async def ids(database: Database) -> list[str]:
    return [stored.key.partition("@")[0] for stored in await database.objects.page(Kind.SIGHTING)]


async def missing(database: Database, node_id: str) -> bool:
    """Whether what is held of a node says that it was not seen any more."""
    held = [stored.value for stored in await database.objects.page(Kind.SIGHTING)]
    (one,) = [one for one in held if isinstance(one, Held) and one.sighting.node_id == node_id]
    return one.missing is not None


async def listed(database: Database, *expected: str) -> None:
    async with asyncio.timeout(20):
        while await ids(database) != list(expected):  # noqa: ASYNC110 - another process would write it, too
            await asyncio.sleep(0.05)


async def test_one_replica_follows_a_source_all_see_it_and_another_goes_on(database_url: str) -> None:
    first, second = Counted(ONE), Counted(ONE, TWO)
    async with replica(database_url, second) as other:
        await listed(other, "gw-1", "gw-2")
        async with replica(database_url, first) as database:
            await asyncio.sleep(1.5)
            assert (first.running, second.running) == (0, 1)
            assert await ids(database) == ["gw-1", "gw-2"]

            await database.sources.ask(["counted"])  # at the replica that does not run it
            async with asyncio.timeout(10):
                await second.looked.wait()

    async with replica(database_url, first) as database:
        async with asyncio.timeout(20):
            await first.began.wait()
            while not await missing(database, "gw-2"):  # noqa: ASYNC110 - another process would write it, too
                await asyncio.sleep(0.05)
        assert second.running == 0
