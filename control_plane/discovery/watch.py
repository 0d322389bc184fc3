"""Runs all sources, each in a task of its own and on one replica at a time; none can touch another.

A source that fails, hangs or lies is started again after a pause, alone. What sources said that the settings
do not name any more is withdrawn.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from random import SystemRandom

import structlog

from control_plane.discovery.follow import BATCH, Follower, Needs, said_by
from control_plane.kit.backoff import Backoff
from control_plane.model.change import Kind
from control_plane.ports.errors import UnavailableError
from control_plane.ports.objects import Mode, Write
from control_plane.ports.peering import Singleton
from control_plane.ports.source import Source

TRACES = 7.0  # days that the trace of a withdrawn sighting stays
SWEEP = 3600.0  # seconds between looks for older ones
_FIRST, _LAST = 0.2, 10.0  # seconds before another attempt

_log = structlog.get_logger()
_random = SystemRandom()


class Watch:
    """``run`` is one task of its owner; only cancellation ends it."""

    def __init__(self, sources: Sequence[Source], needs: Needs, *, singleton: Singleton) -> None:
        self._sources = tuple(sources)
        self._needs = needs
        self._singleton = singleton
        self._followers: dict[str, Follower] = {}  # those that run on this replica
        self._answered: dict[str, datetime] | None = None  # requests to look again, by source

    @property
    def names(self) -> tuple[str, ...]:
        """The sources that the settings name."""
        return tuple(source.name for source in self._sources)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(self._keep(source.name, partial(self._follow, source)), name=source.name)
            group.create_task(self._keep("requests", self._answer), name="discovery requests")
            group.create_task(self._keep("former sources", self._retire), name="former sources")
            group.create_task(self._keep("traces", self._sweep), name="discovery traces")

    async def _keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do ``work`` again and again, whatever it dies of; a pause grows with every failure in a row."""
        backoff, clock = Backoff(_FIRST, _LAST), asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await work()
            except UnavailableError as error:
                _log.warning("discovery waits for the database", part=name, reason=str(error))
            except Exception:  # noqa: BLE001 - one part must not end the others; the log has it
                _log.exception("a part of discovery failed and is started again", part=name)
            if clock() - began > 2 * _LAST:
                backoff.reset()
            await asyncio.sleep(backoff.next(_random.random()))

    async def _follow(self, source: Source) -> None:
        async with self._singleton.hold(f"discovery {source.name}") as lease:
            follower = self._followers[source.name] = Follower(source, self._needs)
            try:
                await follower.run(lease)
            finally:
                del self._followers[source.name]

    async def _answer(self) -> None:
        """Have sources look again that somebody asked for, on whatever replica that was."""
        async for _ in self._needs.objects.wakeups():
            states = await self._needs.sources.all()
            asked = {state.name: state.asked_at for state in states if state.asked_at}
            before, self._answered = self._answered, asked
            for name, follower in self._followers.items():
                if before is not None and name in asked and asked[name] != before.get(name):
                    follower.look()

    async def _retire(self) -> None:
        """Withdraw what sources said that are configured nowhere: one that another replica runs stays."""
        former = [state.name for state in await self._needs.sources.all() if state.name not in self.names]
        async with asyncio.TaskGroup() as group:
            for name in former:
                group.create_task(self._withdraw(name), name=f"former source {name}")
        await asyncio.Event().wait()  # the settings of a process do not change

    async def _withdraw(self, name: str) -> None:
        async with self._singleton.hold(f"discovery {name}"):
            held = list((await said_by(self._needs.objects, name)).values())
            for first in range(0, len(held), BATCH):
                part = held[first : first + BATCH]
                writes = [Write(Kind.SIGHTING, one.key, None, Mode.DELETE) for one in part]
                await self._needs.objects.write(writes, actor=f"discovery {name}")
            await self._needs.sources.forget(name)
            _log.info("a former discovery source was forgotten", source=name, nodes=len(held))

    async def _sweep(self) -> None:
        while True:
            await self._needs.sources.sweep(days=TRACES)
            await asyncio.sleep(SWEEP)
