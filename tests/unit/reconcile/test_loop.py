"""The loop publishes everything first, follows, and survives a store that is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Self

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Change, Value
from control_plane.model.conditions import Conditions, moment
from control_plane.model.grant import Grant
from control_plane.model.identity import ObjectId, ResourceName
from control_plane.model.node import Endpoint
from control_plane.model.resource import Resource
from control_plane.model.tuning import Tuning
from control_plane.model.xds import ENDPOINTS, ROUTES
from control_plane.ports.objects import Write
from control_plane.ports.overview import Overview
from control_plane.ports.publisher import Name
from control_plane.reconcile.federator import Federator
from control_plane.reconcile.loop import Loop
from tests.fakes.objects import FakeObjects
from tests.golden.world import BREMEN, HAMBURG, LUEBECK, items, node, open_federation
from tests.unit.reconcile.worlds import Board

pytestmark = pytest.mark.looptime


async def write(objects: FakeObjects, *values: Value) -> int:
    return await objects.write([Write(i.kind, i.key, i.value) for i in items(values)], actor="test")


class Running:
    """A loop over an in-memory store, in a task of its own."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.objects = FakeObjects()
        self.board = Board()
        self.loop = Loop(self.objects, self.board, Federator(BREMEN, Tuning()), clock=clock)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.loop.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, revision: int) -> None:
        """Until ``revision`` is published."""
        async with asyncio.timeout(60):
            while self.loop.revision < revision:  # noqa: ASYNC110 - a revision is no event; time is virtual here
                await asyncio.sleep(0.01)


async def test_everything_there_is_becomes_one_publication_before_it_is_ready() -> None:
    running = Running()
    revision = await write(running.objects, *open_federation())

    async with running:
        assert not running.loop.ready.is_set()
        await running.loop.ready.wait()

    assert len(running.board.published) == 1
    assert len(running.board.resources) == 30
    assert running.loop.revision == revision


async def test_a_change_is_published_and_one_that_changes_nothing_for_envoy_is_not() -> None:
    async with Running() as running:
        await running.until(await write(running.objects, *open_federation()))
        moved = node("hh-1", HAMBURG, Endpoint("198.51.100.3", 443))
        await running.until(await write(running.objects, moved))
        trusted = Agreement(HAMBURG, AgreementState.TRUSTED, reason="renewed")
        await running.until(await write(running.objects, trusted))

    last = running.board.published[-1]
    assert [(r.type_url, r.name) for r in last.upserts] == [(ENDPOINTS, "to/quotes.hamburg.example")]


async def test_nothing_is_published_while_the_store_was_never_read() -> None:
    running = Running()
    running.objects.down = True

    async with running:
        await asyncio.sleep(30)
        before = (running.loop.ready.is_set(), running.loop.degraded, len(running.board.published))
        running.objects.down = False
        await running.loop.ready.wait()

    assert before == (False, True, 0)
    assert not running.loop.degraded
    assert len(running.board.published) == 1


async def test_what_was_published_stays_while_the_store_is_away_and_it_catches_up() -> None:
    async with Running() as running:
        await running.until(await write(running.objects, *open_federation()))
        moved = node("hh-1", HAMBURG, Endpoint("198.51.100.3", 443))
        revision = await write(running.objects, moved)
        running.objects.down = True
        await asyncio.sleep(20)
        away = (running.loop.degraded, len(running.board.resources), running.loop.ready.is_set())
        running.objects.down = False
        await running.until(revision)

    assert away == (True, 30, True)
    assert not running.loop.degraded


async def test_the_end_of_wakeups_is_survived() -> None:
    running = Running()
    whole = running.objects.wakeups

    async def once() -> AsyncIterator[None]:
        running.objects.wakeups = whole  # type: ignore[method-assign]  # only the first one ends
        yield

    running.objects.wakeups = once  # type: ignore[method-assign]  # a feed that ends without an error

    async with running:
        await running.loop.ready.wait()
        await running.until(await write(running.objects, *open_federation()))


async def test_a_defect_ends_the_loop_and_is_not_hidden() -> None:
    running = Running()

    async def broken(_since: int) -> Change:
        raise RuntimeError("a defect")

    running.objects.changes = broken  # type: ignore[method-assign,assignment]  # a store that breaks its promise

    with pytest.raises(RuntimeError, match="a defect"):
        await running.loop.run()


async def test_it_answers_what_the_overview_asks() -> None:
    async with Running() as running:
        lost = Resource(ResourceName("lost"), LUEBECK, nodes=(ObjectId("nowhere"),))
        await running.until(await write(running.objects, *open_federation(), lost))
        overview: Overview = running.loop

        codes = {problem.code for problem in overview.problems}
        admitted, held = (
            overview.admission("lb-1@luebeck.example"),
            overview.admission("lb-off@luebeck.example"),
        )

    assert codes == {"unknown_node", "no_node"}
    assert admitted is None
    assert held is not None
    assert overview.revision == 1


async def test_who_waits_for_a_revision_wakes_when_it_is_published() -> None:
    async with Running() as running:
        seen = await running.loop.until_published(-1, within=0)
        waiting = asyncio.create_task(running.loop.until_published(seen, within=60))
        revision = await write(running.objects, *open_federation())
        woken = await waiting
        published = running.loop.revision
        nothing_new = await running.loop.until_published(woken, within=1)

    assert woken != seen
    assert published == revision
    assert nothing_new == woken


async def test_what_time_alone_changes_is_published_at_its_time() -> None:
    clock = asyncio.get_running_loop().time
    begins = clock() + 60
    hours = Conditions(begins=moment(begins), ends=moment(begins + 60))
    running = Running(clock=lambda: moment(clock()))
    grant = Grant(ObjectId("later"), ResourceName("idle"), LUEBECK, conditions=hours)
    await write(running.objects, *open_federation(), grant)

    async with running:
        await running.loop.ready.wait()
        sizes = []
        for _ in range(3):
            sizes.append(len(running.board.resources[Name(ROUTES, "ingress")].body))
            await asyncio.sleep(61)

    assert sizes[0] == sizes[2] < sizes[1]
