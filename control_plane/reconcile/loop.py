"""Follows the store and publishes: first everything at once, then every change as it comes.

Nothing is published before the store was read, so a restart never pushes an empty world. While the store
cannot be reached, what was published last stays, and ``degraded`` says so.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import SystemRandom

import structlog

from control_plane.kit.slices import in_slices
from control_plane.kit.told import Told
from control_plane.model.agreement import Cut
from control_plane.model.change import Change, Item
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem
from control_plane.ports.errors import UnavailableError
from control_plane.ports.objects import Objects
from control_plane.ports.publisher import Publication, Publisher
from control_plane.reconcile.federator import Federator
from control_plane.reconcile.trial import Trial

_FIRST_DELAY, _LAST_DELAY = 0.1, 5.0  # seconds between attempts to reach the store

_log = structlog.get_logger()
_random = SystemRandom()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Loop:
    """Runs one ``federator``; answers as ``ports.overview.Overview`` from memory.

    However big a change is, it becomes one publication: gateways never see a mixture of two revisions.
    """

    def __init__(
        self,
        objects: Objects,
        publisher: Publisher,
        federator: Federator,
        *,
        clock: Callable[[], datetime] = _utc_now,
        trial: Trial | None = None,
    ) -> None:
        self._ask = trial.refused if trial else None
        self._clock = clock  # looked at with every wake-up: some of what is published has a date
        self._objects = objects
        self._publisher = publisher
        self._federator = federator
        self._revision = 0
        self._degraded = False
        self._epoch = -1
        self._cut = asyncio.Event()
        self._published = Told()
        self._turn = asyncio.Lock()  # one change after the other: a big one lets others run in between
        self.ready = asyncio.Event()

    @property
    def revision(self) -> int:
        """The store's revision that is published; 0 before the first."""
        return self._revision

    @property
    def degraded(self) -> bool:
        """Whether the store cannot be reached now, and what is published may be old."""
        return self._degraded

    @property
    def epoch(self) -> int:
        """How often connections had to be cut, as it is published; -1 before anything is."""
        return self._epoch

    def cuts(self) -> dict[TrustDomain, Cut]:
        """The last cut of each partner that had one."""
        return self._federator.cuts()

    async def until_cut(self, epoch: int) -> None:
        """Return when ``epoch`` is not the latest any more."""
        while self._epoch == epoch:
            await self._cut.wait()

    async def until_published(self, seen: int, *, within: float) -> int:
        """How often a revision was published, as soon as it is not ``seen`` any more; or in ``within`` s."""
        return await self._published.other_than(seen, within=within)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything wrong with the objects, each with its reason."""
        return self._federator.problems

    def admission(self, node_key: str) -> Problem | None:
        """Why this node gets no traffic, or None when it is admitted."""
        return self._federator.admission(node_key)

    async def run(self) -> None:
        """Until cancelled. The store's absence is survived; any other failure is a defect and ends it."""
        delays = _delays()
        while True:
            try:
                async for _ in self._objects.wakeups():
                    await self._catch_up()
                    delays = _delays()
                _log.warning("store stopped waking us")
            except UnavailableError as error:
                if not self._degraded:
                    _log.warning("store unavailable", error=str(error), revision=self._revision)
                self._degraded = True
            await asyncio.sleep(next(delays))

    @asynccontextmanager
    async def overlay(self, items: Sequence[Item]) -> AsyncIterator[None]:
        """Publish ``items`` beside what the store holds until the block is left; the store hears nothing.

        Their keys must be nobody else's. Raises UnavailableError before the store was read.
        """
        if not self.ready.is_set():
            raise UnavailableError("nothing is published yet: the database was not read")
        gone = tuple(Item(item.kind, item.key, None) for item in items)
        await self._aside(tuple(items))
        try:
            yield
        finally:
            await self._aside(gone)

    async def _aside(self, items: tuple[Item, ...]) -> None:
        async with self._turn:
            publication = self._federator.apply(Change(self._revision, items))
            self._publisher.publish(publication)

    async def _catch_up(self) -> None:
        async with self._turn:
            try:
                change = await self._objects.changes(self._revision)
            except UnavailableError:
                await self._pass_time()
                raise
            await self._take(change)

    async def _applied(self, change: Change, now: datetime) -> Publication:
        return await in_slices(self._federator.steps(change, now=now), ask=self._ask)

    async def _pass_time(self) -> None:
        """What has a date does not wait for the store."""
        now = self._clock()
        if self.ready.is_set() and self._federator.due(now):
            self._publish(await self._applied(Change(self._revision, ()), now))

    def _publish(self, publication: Publication) -> None:
        if publication.upserts or publication.removals:
            self._publisher.publish(publication)

    async def _take(self, change: Change) -> None:
        if self._degraded:
            _log.info("store available again", revision=change.revision)
        self._degraded = False
        now = self._clock()
        if change.items or self._federator.due(now) or not self.ready.is_set():
            self._publish(await self._applied(change, now))
        self._revision = change.revision
        if self._epoch != self._federator.epoch:
            self._epoch = self._federator.epoch
            self._cut.set()
            self._cut = asyncio.Event()
        self.ready.set()
        self._published.tell()


def _delays() -> Iterator[float]:
    """Twice as long each time, up to a limit; the lower half is left to chance, so that replicas spread."""
    delay = _FIRST_DELAY
    while True:
        yield delay * _random.uniform(0.5, 1)
        delay = min(2 * delay, _LAST_DELAY)
