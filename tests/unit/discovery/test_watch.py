"""Sources that die, hang, end and lie, followed together: none touches what another one says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from control_plane.discovery.claims import Claims
from control_plane.discovery.follow import Needs
from control_plane.discovery.guard import Rules
from control_plane.discovery.watch import Watch
from control_plane.model.change import Kind
from control_plane.model.held import Held
from control_plane.model.sighting import Candidate, SourceKind
from control_plane.plan.age import Aging
from control_plane.ports.source import Lost, Report, Seen, Source
from tests.fakes.audit import FakeAudit
from tests.fakes.discovery import FakeSources
from tests.fakes.objects import FakeObjects
from tests.fakes.peering import FakeSingleton
from tests.fakes.values import MOMENT
from tests.unit.discovery.records import INSIDE, RULES, record

pytestmark = pytest.mark.looptime

ONE, TWO = record("lb-1"), record("lb-2")


def now() -> datetime:
    return MOMENT + timedelta(seconds=asyncio.get_running_loop().time())


class Scripted:
    """A source that does what the test says."""

    def __init__(self, name: str = "dns-sd", *candidates: Candidate) -> None:
        self.kind = SourceKind.DNS_SD
        self.name = name
        self.started = 0
        self.looks = 0
        self._said: asyncio.Queue[Report | Exception | None] = asyncio.Queue()
        self._last: Report = Seen(candidates)
        if candidates:
            self.say(*candidates)

    def say(self, *candidates: Candidate) -> None:
        self._last = Seen(candidates)
        self._said.put_nowait(self._last)

    def do(self, event: Report | Exception | None) -> None:
        self._said.put_nowait(event)

    async def reports(self) -> AsyncIterator[Report]:
        self.started += 1
        while True:
            event = await self._said.get()
            if event is None:
                return
            if isinstance(event, Exception):
                raise event
            yield event

    def look(self) -> None:
        self.looks += 1
        self._said.put_nowait(self._last)


@dataclass
class Place:
    """Everything around sources."""

    objects: FakeObjects = field(default_factory=lambda: FakeObjects(now=now))
    audit: FakeAudit = field(default_factory=FakeAudit)
    rules: Rules = RULES
    aging: Aging = field(default_factory=lambda: Aging(keep=300, offline=600, blind=3600))
    sources: FakeSources = field(init=False)

    def __post_init__(self) -> None:
        self.sources = FakeSources(now=now, wake=self.objects.wake)

    @asynccontextmanager
    async def follows(self, *sources: Source) -> AsyncIterator[Watch]:
        needs = Needs(
            objects=self.objects,
            sources=self.sources,
            claims=Claims(self.audit, own=RULES.own, now=now),
            rules=lambda: self.rules,
            aging=self.aging,
            now=now,
            silence=120,
        )
        watch = Watch(sources, needs, singleton=FakeSingleton())
        task = asyncio.create_task(watch.run())
        try:
            await asyncio.sleep(0.1)
            yield watch
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def held(self) -> dict[str, Held]:
        found = await self.objects.page(Kind.SIGHTING, limit=1000)
        return {stored.key: stored.value for stored in found if isinstance(stored.value, Held)}

    async def ids(self) -> list[str]:
        return sorted(one.sighting.node_id for one in (await self.held()).values())


async def test_what_a_source_says_is_stored_once_and_confirmations_write_nothing() -> None:
    place, source = Place(), Scripted("dns-sd", ONE, TWO)

    async with place.follows(source):
        before = place.objects.revision
        for _ in range(3):
            source.say(ONE, TWO)
            await asyncio.sleep(1)

        assert await place.ids() == ["lb-1", "lb-2"]
        assert place.objects.revision == before
        (state,) = await place.sources.all()
        assert (state.findings.nodes, state.lost_since) == (2, None)


async def test_an_empty_report_ages_nodes_and_they_are_offline_then_gone() -> None:
    place, source = Place(), Scripted("dns-sd", ONE, TWO)

    async with place.follows(source):
        source.say(TWO)
        await asyncio.sleep(250)
        assert [one.offline for one in (await place.held()).values()] == [False, False]
        source.say(TWO)
        await asyncio.sleep(60)
        assert [one.offline for one in (await place.held()).values()] == [True, False]
        await asyncio.sleep(600)
        assert await place.ids() == ["lb-2"]


async def test_a_blind_source_keeps_what_it_said_and_says_why() -> None:
    place, source = Place(), Scripted("dns-sd", ONE)

    async with place.follows(source):
        before = place.objects.revision
        source.do(Lost("REFUSED\nby \x1b[31mthe server"))
        await asyncio.sleep(100)
        for _ in range(20):  # silence would be something else
            source.do(Lost("refused"))
            await asyncio.sleep(100)

        assert place.objects.revision == before
        (state,) = await place.sources.all()
        assert state.reason == "refused"
        assert state.lost_since is not None


async def test_what_a_source_missed_while_it_was_blind_counts_from_when_it_sees_again() -> None:
    place, source = Place(), Scripted("dns-sd", ONE)

    async with place.follows(source):
        source.do(Lost("refused"))
        await asyncio.sleep(110)
        source.say()
        await asyncio.sleep(1)
        (one,) = (await place.held()).values()

        assert one.missing is not None
        assert now() - one.missing < timedelta(seconds=5)


@pytest.mark.parametrize("event", [ValueError("broken"), None], ids=["raises", "ends"])
async def test_a_source_that_fails_is_started_again_and_others_notice_nothing(
    event: Exception | None,
) -> None:
    place, bad, good = Place(), Scripted("bad", ONE), Scripted("good", TWO)

    async with place.follows(bad, good):
        for _ in range(3):
            bad.do(event)
            await asyncio.sleep(10)
        good.say(TWO, record("lb-3"))
        bad.say(ONE, record("lb-4"))
        await asyncio.sleep(60)

        assert await place.ids() == ["lb-1", "lb-2", "lb-3", "lb-4"]
        assert bad.started == 4
        assert good.started == 1


async def test_a_source_that_hangs_is_lost_and_started_again() -> None:
    place, source = Place(), Scripted("dns-sd", ONE)

    async with place.follows(source):
        await asyncio.sleep(125)
        (state,) = await place.sources.all()

        assert "said nothing for 120 s" in state.reason
        assert source.started == 2
        assert await place.ids() == ["lb-1"]


async def test_hostile_records_are_counted_and_claims_are_audited_once() -> None:
    place, source = Place(), Scripted("dns-sd")
    ours = record("x", organisation="bremen.example", spiffe_id="spiffe://bremen.example/x")

    async with place.follows(source):
        for _ in range(2):
            source.say(ours, record("lb-1", "127.0.0.1"), TWO)
            await asyncio.sleep(10)

        assert await place.ids() == ["lb-2"]
        (state,) = await place.sources.all()
        assert state.findings.refused_by_code == {"forbidden_address": 1, "own_domain": 1}
        (event,) = place.audit.events
        assert (event.action, event.reason, event.decision) == ("discovery.claim", "own_domain", "denied")


async def test_a_request_makes_every_replica_look_again_and_its_answer_is_noted() -> None:
    place, source = Place(), Scripted("dns-sd", ONE)

    async with place.follows(source):
        await asyncio.sleep(1)
        asked = await place.sources.ask(["dns-sd"])
        await asyncio.sleep(0.1)

        (state,) = await place.sources.all()
        assert source.looks == 1
        assert state.looked_at is not None
        assert state.looked_at == asked  # in virtual time, at once


async def test_another_replica_goes_on_where_one_stopped() -> None:
    place = Place()
    async with place.follows(Scripted("dns-sd", ONE, TWO)):
        pass
    before = await place.held()

    async with place.follows(Scripted("dns-sd", ONE)):
        await asyncio.sleep(301)
        after = await place.held()

    assert [one.since for one in after.values()] == [one.since for one in before.values()]
    assert [one.offline for one in after.values()] == [False, True]


async def test_stricter_rules_withdraw_at_the_start_what_they_forbid() -> None:
    place = Place(rules=INSIDE)
    async with place.follows(Scripted("dns-sd", record("lb-1", "10.0.0.1"), TWO)):
        pass
    place.rules = RULES

    async with place.follows(Scripted("dns-sd")):
        assert await place.ids() == ["lb-2"]


async def test_what_a_former_source_said_is_withdrawn() -> None:
    place = Place()
    async with place.follows(Scripted("former", ONE), Scripted("dns-sd", TWO)):
        pass

    async with place.follows(Scripted("dns-sd", TWO)):
        assert await place.ids() == ["lb-2"]
        assert [state.name for state in await place.sources.all()] == ["dns-sd"]


async def test_the_databases_absence_is_survived_and_made_up_for() -> None:
    place, source = Place(), Scripted("dns-sd", ONE)

    async with place.follows(source):
        place.objects.down = place.sources.down = True
        source.say(ONE, TWO)
        await asyncio.sleep(5)
        place.objects.down = place.sources.down = False
        await asyncio.sleep(20)
        source.say(ONE, TWO)
        await asyncio.sleep(5)

        assert await place.ids() == ["lb-1", "lb-2"]


async def test_what_went_while_nobody_looked_counts_from_when_somebody_looks_again() -> None:
    place = Place()
    async with place.follows(Scripted("dns-sd", ONE, TWO)):
        pass
    await asyncio.sleep(5000)

    async with place.follows(Scripted("dns-sd", TWO)):
        assert [one.offline for one in (await place.held()).values()] == [False, False]
        await asyncio.sleep(301)
        assert [one.offline for one in (await place.held()).values()] == [True, False]
