"""Comparing audits on a schedule and on demand: the report is kept, and what differs is said aloud.

One replica follows the schedule. A partner that does not answer delays nobody else's comparison, and the next
one takes up where the last good one ended.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4
from weakref import WeakValueDictionary

import structlog

from control_plane.model.audit import EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError, Problem
from control_plane.model.reconciliation import Difference, Interval, Outcome, Reconciliation
from control_plane.peering.audit_messages import interval_of
from control_plane.peering.comparing import Comparing, Sum
from control_plane.peering.progress import Progress
from control_plane.peering.record import Note, Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.ports.errors import UnavailableError
from control_plane.ports.peering import Lease, Partners, Singleton
from control_plane.ports.reconciliation import Reconciliations, Running, Standing

LOCK = "reconciliation"
SCHEDULE = "schedule"
AT_ONCE = 4  # partners; each may take 32 bytes of memory a row
NAMED = 1000  # differences that a report names; more are counted
OPEN = 1000  # differences that are looked at again
SETTLE = timedelta(seconds=60)  # that rows may take on their way into the database
FIRST = timedelta(days=1)  # how far back the first comparison with a partner reaches
FURTHEST = timedelta(days=30)
DEADLINE = 600.0  # seconds of one comparison
_SHOWN = 300  # characters of an error that are kept

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What a report is about."""

    organisation: TrustDomain
    interval: Interval
    actor: str
    started_at: datetime
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Implements ports.reconciliation.Reconciling. ``run`` is a task of its owner.

    ``every`` is the time between two comparisons with one partner, in seconds.
    """

    comparing: Comparing
    reports: Reconciliations
    partners: Partners
    singleton: Singleton
    recorder: Recorder
    every: float = 3600.0
    runs: dict[int, Progress] = field(default_factory=dict)
    turns: WeakValueDictionary[TrustDomain, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def run(self) -> None:
        """Compare on schedule until cancelled; what goes wrong is tried again."""
        while True:
            try:
                async with self.singleton.hold(LOCK) as lease:
                    await self._while_held(lease)
            except UnavailableError as error:
                _log.warning("reconciliation waits for the database", detail=str(error))
            await asyncio.sleep(self._pause)

    @property
    def _pause(self) -> float:
        return min(60.0, self.every / 4)

    async def _while_held(self, lease: Lease) -> None:
        while await lease.held():
            await self.round()
            await asyncio.sleep(self._pause)

    async def round(self) -> None:
        """Compare with every trusted partner whose time has come, some at a time; none waits for another."""
        standings = {one.organisation: one for one in await self.reports.standings()}
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(organisation: TrustDomain, interval: Interval) -> None:
            async with limit:
                try:
                    await self.reconcile(organisation, interval, actor=SCHEDULE)
                except RefusedError as refusal:
                    _log.debug("no reconciliation", organisation=organisation, code=refusal.code)
                except UnavailableError as error:
                    _log.warning("reconciliation waits for the database", detail=str(error))
                except Exception:  # noqa: BLE001 - a defect with one partner must not stop the others
                    _log.exception("a reconciliation failed", organisation=organisation)

        async with asyncio.TaskGroup() as group:
            for record in await self.partners.all():
                interval = self._due(standings.get(record.organisation), self._now())
                if interval is not None and record.addresses:
                    group.create_task(
                        one(record.organisation, interval), name=f"audit of {record.organisation}"
                    )

    def _due(self, standing: Standing | None, now: datetime) -> Interval | None:
        until = now - SETTLE
        if standing is None or standing.compared_until is None:
            since = until - FIRST
        else:
            since = max(standing.compared_until, until - FURTHEST)
        every = timedelta(seconds=self.every)
        if standing is not None and standing.compared_until is not None and until - since < every:
            return None
        if standing is not None and standing.error and now - standing.at < every / 4:
            return None  # it was tried a moment ago
        return interval_of(since, until)

    async def reconcile(self, organisation: TrustDomain, interval: Interval, *, actor: str) -> Reconciliation:
        """Compare now, and keep the report; what the partner refuses or does not answer is its ``error``."""
        await self.comparing.channel.bundle(organisation)  # of a trusted partner, or refused
        started, clock = self._now(), asyncio.get_running_loop().time
        progress = Progress(organisation, interval, actor, started)
        began, found, error = clock(), Sum(progress), ""
        late: list[Difference] = []
        try:
            async with asyncio.timeout(DEADLINE), self._turn(progress):
                earlier = await self.reports.open(organisation, limit=OPEN)
                late = await self.comparing.recheck(organisation, earlier, found)
                await self.comparing.compare(organisation, interval, found)
        except InvalidValueError as refusal:
            error = f"{refusal.code}: {refusal.detail}"
        except UnavailableError as failure:
            error = f"unavailable: {failure}"
        except TimeoutError:
            error = f"unavailable: expected an end within {DEADLINE:g} s: compare a shorter time"
        attempt = _Attempt(organisation, interval, actor, started, clock() - began)
        report = _report(attempt, found, late, error=error)
        await self._tell(report)
        await self.reports.keep(report, settled=[one.correlation_id for one in late])
        return report

    @asynccontextmanager
    async def _turn(self, progress: Progress) -> AsyncIterator[None]:
        """One after the other with each partner: there, a new one takes the place of the last one.

        ``running`` tells of it, also while it waits.
        """
        key = id(progress)
        self.runs[key] = progress
        turn = self.turns.setdefault(progress.organisation, asyncio.Lock())
        if turn.locked():
            progress.waits()
        try:
            async with turn:
                progress.asks()
                yield
        finally:
            del self.runs[key]

    def running(self) -> tuple[Running, ...]:
        """The comparisons that go on."""
        return tuple(progress.shown for progress in self.runs.values())

    async def problems(self) -> tuple[Problem, ...]:
        """Each partner whose audit differs from ours, or could not be compared for some time."""
        now = self._now()
        found: list[Problem] = []
        for one in await self.reports.standings():
            found += _problems(one, now, every=timedelta(seconds=self.every))
        return tuple(found)

    async def _tell(self, report: Reconciliation) -> None:
        """The audit has every comparison that was asked for or did not agree."""
        if report.agrees and report.actor == SCHEDULE:
            return
        facts = {
            name: str(getattr(report, name))
            for name in ("id", "matched", "only_ours", "only_theirs", "differing", "late", "error")
        }
        facts |= {"since": report.interval.since.isoformat(), "until": report.interval.until.isoformat()}
        if not report.agrees:
            _log.warning("the audits do not agree", organisation=report.organisation, **facts)
        note = Note("audit.reconcile", report.actor, report.organisation, facts)
        await self.recorder.done(
            note,
            event_type=EventType.RECONCILIATION,
            reason="" if report.agrees else ("not_compared" if report.error else "audits_differ"),
        )

    def _now(self) -> datetime:
        return self.comparing.channel.ourselves.now()


def _problems(one: Standing, now: datetime, *, every: timedelta) -> Iterator[Problem]:
    subject = f"partner {one.organisation}"
    if one.open:
        verb = "request is" if one.open == 1 else "requests are"
        yield Problem(
            subject,
            "audits_differ",
            f"{one.open} {verb} not recorded the same on both sides",
            f"`proxenia audit reconciliations {one.organisation}`, and `--id` of one that differs, name them",
        )
    if one.error and (one.compared_until is None or now - one.compared_until > 2 * every):
        yield Problem(
            subject,
            "audits_not_compared",
            f"the audits could not be compared: {one.error}",
            f"look whether its control plane answers: `proxenia partner list`, then"
            f" `proxenia audit reconcile {one.organisation}`",
        )


def _report(attempt: _Attempt, found: Sum, late: Sequence[Difference], *, error: str) -> Reconciliation:
    settled = {one.correlation_id for one in late}
    differences = [*late, *(one for one in found.differences if one.correlation_id not in settled)]

    def number(outcome: Outcome) -> int:
        return sum(one.outcome is outcome for one in differences)

    return Reconciliation(
        id=str(uuid4()),
        organisation=attempt.organisation,
        interval=attempt.interval,
        started_at=attempt.started_at,
        seconds=attempt.seconds,
        actor=attempt.actor,
        error=error[:_SHOWN],
        ours=found.ours,
        theirs=found.theirs,
        matched=found.matched,
        unanswered=found.unanswered,
        only_ours=number(Outcome.ONLY_OURS),
        only_theirs=number(Outcome.ONLY_THEIRS),
        differing=number(Outcome.DIFFERING),
        late=number(Outcome.LATE),
        complete=found.complete and len(differences) <= NAMED,
        bytes=found.tally.bytes,
        messages=found.tally.messages,
        differences=tuple(differences[:NAMED]),
    )
