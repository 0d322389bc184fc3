"""Follows one source: what it says is checked, compared and stored, and what it does not say ages.

Runs on one replica at a time. What was stored is what is compared with next, so another replica goes on where
this one stopped.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from control_plane.discovery.claims import Claims
from control_plane.discovery.guard import Rules
from control_plane.discovery.inbox import Difference, Inbox
from control_plane.discovery.listen import Ear
from control_plane.kit.slices import in_slices
from control_plane.model.change import Kind
from control_plane.model.held import Held
from control_plane.plan.age import Aging
from control_plane.ports.discovery import MAX_TOLD, Findings, Sources
from control_plane.ports.objects import Mode, Objects, Write
from control_plane.ports.peering import Lease
from control_plane.ports.source import MAX_SILENCE, Lost, Report, Seen, Source

BATCH = 500  # sightings in a transaction: other writers wait for it
NOTE = 5.0  # seconds between notes that a source still says the same
_TICKS = 10  # looks at the clock within the shortest of the times that are waited for
_LEAST, _MOST = 0.05, 5.0  # seconds between two of them
_REASON = 300  # characters

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What following a source needs of the rest. ``rules`` may change at any time."""

    objects: Objects
    sources: Sources
    claims: Claims
    rules: Callable[[], Rules]
    aging: Aging
    now: Callable[[], datetime]
    silence: float = MAX_SILENCE


async def said_by(objects: Objects, source: str) -> dict[str, Held]:
    """All that is stored of what ``source`` said, by node key."""
    held: dict[str, Held] = {}
    after = ""
    while page := await objects.page(Kind.SIGHTING, after=after, limit=BATCH):
        for stored in page:
            if isinstance(stored.value, Held) and stored.value.sighting.source == source:
                held[stored.value.node_key] = stored.value
        after = page[-1].key
    return held


@dataclass(slots=True)
class Follower:
    """``run`` for as long as the lease is held; the source is only run here."""

    source: Source
    needs: Needs
    _inbox: Inbox = field(init=False)
    _confirmed: datetime | None = None  # when the source last saw all that it says
    _blind_since: datetime | None = None
    _noted: datetime | None = None
    _findings: Findings | None = None
    _asked: bool = False

    def __post_init__(self) -> None:
        self._inbox = Inbox(self.source.name, self.source.kind)

    def look(self) -> None:
        """Have the source look again, and note its answer also when that is the same as before."""
        self._asked = True
        self.source.look()

    async def run(self, lease: Lease) -> None:
        """Until cancelled, or until the lease is lost. Raises UnavailableError when the store is away."""
        await self._remember()
        tick, clock = self._tick(), asyncio.get_running_loop().time
        aged = clock()
        async with Ear(self.source, silence=self.needs.silence) as ear:
            while True:
                report = await ear.next(timeout=tick)
                if not await lease.held():
                    _log.warning("another replica follows this source now", source=self.source.name)
                    return
                if report is not None:
                    await self._take(report)
                if report is None or clock() - aged >= tick:
                    await self._age()
                    aged = clock()

    async def _remember(self) -> None:
        """Go on where the last follower stopped, less what today's rules forbid."""
        self._inbox.accept(await said_by(self.needs.objects, self.source.name))
        for state in await self.needs.sources.all():
            if state.name == self.source.name:
                self._blind_since = state.lost_since
        judged = await in_slices(self._inbox.judge(self.needs.rules()))
        await self._store(judged.changes)

    async def _take(self, report: Report) -> None:
        if isinstance(report, Lost):
            reason = "".join(c if c.isprintable() else "?" for c in report.reason)[:_REASON]
            if self._blind_since is None:
                _log.warning("a discovery source cannot see", source=self.source.name, reason=reason)
            self._blind_since = await self.needs.sources.lost(self.source.name, self.source.kind, reason)
            return
        await self._see(report)

    async def _see(self, report: Seen) -> None:
        now = self.needs.now()
        # What nobody could see, or looked at, cannot be missed: absence counts from when it is seen again.
        confirmed = now if self._blind_since or self._confirmed is None else self._confirmed
        steps = self._inbox.take(report, self.needs.rules(), now=now, confirmed=confirmed)
        difference = await in_slices(steps)
        await self._store(difference.changes)
        await self.needs.claims.note(self.source.name, difference.refused)
        await self._found(difference, now)
        self._confirmed, self._blind_since = now, None

    async def _found(self, difference: Difference, now: datetime) -> None:
        """Note how the source fares: news at once, and that there are none every few seconds."""
        codes = Counter(problem.code for problem in difference.refused)
        beyond = difference.refused_total - len(difference.refused)
        findings = Findings(
            nodes=difference.seen,
            left_out=difference.left_out,
            refused_by_code=dict(sorted(codes.items())) | ({"more": beyond} if beyond else {}),
            refused=difference.refused[:MAX_TOLD],
        )
        fresh = self._noted is not None and now - self._noted < timedelta(seconds=NOTE)
        if fresh and findings == self._findings and self._blind_since is None and not self._asked:
            return
        await self.needs.sources.seen(self.source.name, self.source.kind, findings)
        self._noted, self._findings, self._asked = now, findings, False

    async def _age(self) -> None:
        now = self.needs.now()
        aged = await in_slices(self._inbox.age(self.needs.aging, now=now, blind_since=self._blind_since))
        await self._store(aged.changes)

    async def _store(self, changes: Mapping[str, Held | None]) -> None:
        """Write ``changes`` in pieces, each of which is then remembered."""
        items = list(changes.items())
        for first in range(0, len(items), BATCH):
            part = dict(items[first : first + BATCH])
            writes = [self._write(key, held) for key, held in part.items()]
            await self.needs.objects.write(writes, actor=f"discovery {self.source.name}")
            self._inbox.accept(part)
            await asyncio.sleep(0)

    def _write(self, node_key: str, held: Held | None) -> Write:
        if held is None:
            return Write(Kind.SIGHTING, self._inbox.held[node_key].key, None, Mode.DELETE)
        return Write(Kind.SIGHTING, held.key, held)

    def _tick(self) -> float:
        aging = self.needs.aging
        shortest = min(aging.keep, aging.offline)
        return min(max(shortest / _TICKS, _LEAST), _MOST)
