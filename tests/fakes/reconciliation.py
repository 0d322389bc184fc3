"""In-memory crossings and reports that pass the same contract suite as those in PostgreSQL."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from control_plane.chain.crossing import crossed, crossing_of, id_hash, is_request, partner_of, raw_item
from control_plane.chain.record_set import RecordSet, gathered
from control_plane.model.audit import AuditEvent
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem
from control_plane.model.reconciliation import Difference, Interval, Outcome, Reconciliation
from control_plane.ports.reconciliation import ReadSoFar, Running, Span, Standing
from tests.fakes.audit import FakeAudit


class FakeCrossings:
    """Implements ports.reconciliation.Crossings on a FakeAudit."""

    def __init__(self, audit: FakeAudit) -> None:
        self._audit = audit

    async def records(
        self, span: Span, key: bytes, fields: Sequence[str], *, progress: ReadSoFar | None = None
    ) -> RecordSet:
        events = self._in(span)
        if progress is not None and events:
            progress(len(events), events[-1].timestamp)
        return gathered(raw_item(crossing_of(event, span.own), key, fields) for event in events)

    async def named(self, span: Span, key: bytes, hashes: Sequence[bytes]) -> list[AuditEvent]:
        wanted = set(hashes)
        return _last(event for event in self._in(span) if id_hash(event.correlation_id, key) in wanted)

    async def known(self, partner: TrustDomain, ids: Sequence[str]) -> list[AuditEvent]:
        return _last(
            event
            for event in self._sorted()
            if is_request(event) and partner_of(event) == partner and event.correlation_id in ids
        )

    def _sorted(self) -> list[AuditEvent]:
        return sorted(self._audit.events, key=lambda event: (event.timestamp, event.event_id))

    def _in(self, span: Span) -> list[AuditEvent]:
        return [
            event
            for event in self._sorted()
            if crossed(event)
            and partner_of(event) == span.partner
            and span.interval.since <= event.timestamp < span.interval.until
        ]


def _last(events: object) -> list[AuditEvent]:
    return list({event.correlation_id: event for event in events}.values())  # type: ignore[attr-defined]  # an iterable of events


class FakeReconciliations:
    """Implements ports.reconciliation.Reconciliations."""

    def __init__(self) -> None:
        self.reports: list[Reconciliation] = []
        self._open: dict[tuple[str, str], Difference] = {}

    async def keep(self, report: Reconciliation, *, settled: Sequence[str] = ()) -> None:
        self.reports.append(report)
        for one in report.differences:
            if one.outcome is not Outcome.LATE:
                self._open[report.organisation, one.correlation_id] = one
        for correlation_id in settled:
            self._open.pop((report.organisation, correlation_id), None)

    async def page(
        self, *, organisation: TrustDomain | None = None, after: str = "", limit: int = 100
    ) -> list[Reconciliation]:
        found = [one for one in self.reports if organisation in {None, one.organisation}]
        found.sort(key=lambda one: (one.started_at, one.id), reverse=True)
        start = next((place + 1 for place, one in enumerate(found) if one.id == after), 0)
        return [replace(one, differences=()) for one in found[start : start + limit]]

    async def get(self, report_id: str) -> Reconciliation | None:
        return next((one for one in self.reports if one.id == report_id), None)

    async def open(self, organisation: TrustDomain, *, limit: int) -> list[Difference]:
        return [one for (partner, _), one in self._open.items() if partner == organisation][:limit]

    async def standings(self) -> list[Standing]:
        latest = {one.organisation: one for one in sorted(self.reports, key=lambda one: one.started_at)}
        return [
            Standing(
                organisation=name,
                at=one.started_at,
                agrees=one.agrees,
                error=one.error,
                open=sum(partner == name for partner, _ in self._open),
                compared_until=max(
                    (
                        done.interval.until
                        for done in self.reports
                        if done.organisation == name and not done.error and done.actor == "schedule"
                    ),
                    default=None,
                ),
            )
            for name, one in sorted(latest.items())
        ]


class FakeReconciling:
    """Implements ports.reconciliation.Reconciling: it finds what a test puts in."""

    def __init__(self) -> None:
        self.reports = FakeReconciliations()
        self.finds: tuple[Difference, ...] = ()
        self.wrong: tuple[Problem, ...] = ()
        self.runs: tuple[Running, ...] = ()
        self.go: asyncio.Event | None = None  # it ends when this is set

    async def reconcile(self, organisation: TrustDomain, interval: Interval, *, actor: str) -> Reconciliation:
        if self.go is not None:
            await self.go.wait()
        count = Counter(one.outcome for one in self.finds)
        report = Reconciliation(
            id=f"report-{len(self.reports.reports) + 1}",
            organisation=organisation,
            interval=interval,
            started_at=interval.until,
            seconds=0.25,
            actor=actor,
            ours=7,
            theirs=7,
            matched=7 - len(self.finds),
            differing=count[Outcome.DIFFERING],
            only_ours=count[Outcome.ONLY_OURS],
            differences=self.finds,
        )
        await self.reports.keep(report)
        return report

    def running(self) -> tuple[Running, ...]:
        return self.runs

    async def problems(self) -> tuple[Problem, ...]:
        return self.wrong
