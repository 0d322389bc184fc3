"""What the store of sources' states promises, whichever it is; and what is kept of sightings."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio

from control_plane.model.change import Kind
from control_plane.model.problem import Problem
from control_plane.model.sighting import SourceKind
from control_plane.ports.discovery import MAX_TOLD, Findings, Sources
from control_plane.ports.objects import Mode, Objects, Write
from control_plane.store.database import Database
from tests.fakes.discovery import FakeSources
from tests.fakes.objects import FakeObjects
from tests.fakes.values import MOMENT, held

NAME, KIND = "dns-sd:luebeck.example", SourceKind.DNS_SD
REFUSED = Problem("dns-sd: 'x'", "forbidden_address", "expected öffentlich, got \\u0000", "")
FOUND = Findings(nodes=3, left_out=1, refused_by_code={"forbidden_address": 7}, refused=(REFUSED,))


@pytest.fixture
def fake() -> tuple[Sources, Objects]:
    objects = FakeObjects()
    return FakeSources(wake=objects.wake), objects


@pytest_asyncio.fixture
async def postgres(database_url: str) -> AsyncIterator[tuple[Sources, Objects]]:
    async with Database(database_url) as database:
        yield database.sources, database.objects


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
def both(request: pytest.FixtureRequest) -> tuple[Sources, Objects]:
    made: tuple[Sources, Objects] = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def sources(both: tuple[Sources, Objects]) -> Sources:
    return both[0]


async def test_what_a_source_found_is_read_back(sources: Sources) -> None:
    at = await sources.seen(NAME, KIND, FOUND)

    (state,) = await sources.all()
    assert (state.name, state.kind, state.findings) == (NAME, KIND, FOUND)
    assert state.seen_at == state.looked_at == at
    assert (state.lost_since, state.reason, state.asked_at) == (None, "", None)


async def test_only_so_many_refusals_are_kept_word_by_word(sources: Sources) -> None:
    await sources.seen(NAME, KIND, replace(FOUND, refused=(REFUSED,) * (MAX_TOLD + 1)))

    assert len((await sources.all())[0].findings.refused) == MAX_TOLD


async def test_a_source_is_lost_since_the_first_time_and_keeps_what_it_found(sources: Sources) -> None:
    seen = await sources.seen(NAME, KIND, FOUND)
    since = await sources.lost(NAME, KIND, "refused")
    assert await sources.lost(NAME, KIND, "timed out") == since

    (state,) = await sources.all()
    assert (state.seen_at, state.lost_since, state.reason) == (seen, since, "timed out")
    assert state.findings == FOUND
    assert state.looked_at is not None
    assert state.looked_at > since


async def test_a_source_that_sees_again_is_not_lost(sources: Sources) -> None:
    first = await sources.lost(NAME, KIND, "refused")
    await sources.seen(NAME, KIND, FOUND)

    assert (await sources.all())[0].lost_since is None
    assert await sources.lost(NAME, KIND, "refused") > first


async def test_requests_are_remembered_for_sources_that_exist_and_wake_whoever_follows(
    both: tuple[Sources, Objects],
) -> None:
    sources, objects = both
    await sources.seen(NAME, KIND, FOUND)
    wakeups = objects.wakeups()
    await anext(wakeups)
    await asyncio.sleep(0.2)  # the listening connection is being made

    asked = await sources.ask([NAME, "unknown"])

    async with asyncio.timeout(3):
        await anext(wakeups)
    assert [(state.name, state.asked_at) for state in await sources.all()] == [(NAME, asked)]


async def test_a_forgotten_source_is_gone(sources: Sources) -> None:
    await sources.seen(NAME, KIND, FOUND)
    await sources.seen("mdns", SourceKind.MDNS, FOUND)
    await sources.forget(NAME)

    assert [state.name for state in await sources.all()] == ["mdns"]


@pytest.mark.integration
async def test_sightings_have_no_history_and_their_traces_are_swept(database_url: str) -> None:
    async with Database(database_url) as database:
        one, two = held("lb-1"), held("lb-2")
        await database.objects.write([Write(Kind.SIGHTING, each.key, each) for each in (one, two)], actor="x")
        moved = replace(one, missing=MOMENT + timedelta(1))
        await database.objects.write([Write(Kind.SIGHTING, one.key, moved)], actor="x")
        await database.objects.write([Write(Kind.SIGHTING, two.key, None, Mode.DELETE)], actor="x")

        assert await database.sources.sweep(days=1) == 0
        assert await database.sources.sweep(days=0) == 1
        assert [item.value for item in (await database.objects.changes(0)).items] == [moved]
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM history") == 0
    finally:
        await connection.close()
