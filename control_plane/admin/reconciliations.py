"""Comparing the audit with partners: reports, comparing on demand, and how it stands with each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, ClassVar

from control_plane.admin.dependencies import AuditParts
from control_plane.admin.listing import MAX_PAGE, PAGE, Page, cut, shaped
from control_plane.admin.moments import Moment
from control_plane.admin.operation import API, Call, Keyed, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.tokens import Role
from control_plane.model.identity import TrustDomain, shown
from control_plane.model.problem import InvalidValueError
from control_plane.model.reconciliation import Difference, Interval, Outcome, Reconciliation
from control_plane.observe.metrics import Family, Sample
from control_plane.ports.reconciliation import Running, Stage, Standing

RECONCILIATIONS = f"{API}/audit/reconciliations"
RUNNING = f"{API}/audit/reconciling"
DEADLINE = 610.0  # seconds; a comparison ends by itself before
HOUR = timedelta(hours=1)
MAX_METERED = 100  # partners
SETTLE = timedelta(minutes=1)  # that the newest rows may still take on their way
_MAX_ID = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    """One crossing about which both sides do not say the same; a side without a row has no values."""

    correlation_id: str
    outcome: Outcome
    timestamp: datetime
    fields: tuple[str, ...]
    ours: Mapping[str, str]
    theirs: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationView:
    """A comparison as others see it. In lists, ``differences`` is empty: read the one report."""

    id: str
    organisation: TrustDomain
    since: datetime
    until: datetime
    started_at: datetime
    seconds: float
    actor: str
    agrees: bool
    ours: int
    theirs: int
    matched: int
    unanswered: int
    only_ours: int
    only_theirs: int
    differing: int
    late: int
    complete: bool
    bytes: int
    messages: int
    error: str
    differences: tuple[DifferenceView, ...]

    @classmethod
    def of(cls, report: Reconciliation) -> "ReconciliationView":
        """The view of a report."""
        facts: dict[str, Any] = {each.name: getattr(report, each.name) for each in fields(report)}
        interval = asdict(facts.pop("interval"))
        facts["differences"] = tuple(_difference(one) for one in report.differences)
        return cls(agrees=report.agrees, **interval, **facts)


def _difference(one: Difference) -> DifferenceView:
    return DifferenceView(
        correlation_id=one.correlation_id,
        outcome=one.outcome,
        timestamp=one.timestamp,
        fields=one.fields,
        ours=dict(one.ours),
        theirs=dict(one.theirs),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningView:
    """A comparison that goes on: ``share`` (0 to 1) of its time is read, and so many rows on both sides.

    Of the partner's rows we know what it says. Then what differs is looked up: ``named`` of ``to_name``.
    """

    organisation: TrustDomain
    since: datetime
    until: datetime
    started_at: datetime
    actor: str
    stage: Stage
    share: float
    ours: int
    theirs: int
    named: int
    to_name: int

    @classmethod
    def of(cls, run: Running) -> "RunningView":
        """The view of one."""
        facts: dict[str, Any] = {each.name: getattr(run, each.name) for each in fields(run)}
        return cls(**asdict(facts.pop("interval")), **facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuery:
    """Which reports; ``after`` is a page's ``next``."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    organisation: TrustDomain | None = None
    after: str = ""
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE:
            raise InvalidValueError(
                "bad_parameter", f"expected a limit from 1 to {MAX_PAGE}, got {self.limit}"
            )
        if len(self.after) > _MAX_ID or not self.after.isprintable():
            raise InvalidValueError(
                "bad_parameter", f"expected the next of a page as after, got {shown(self.after)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReconciliation:
    """Whom to compare with, and from when to when: by default the last hour up to a minute ago."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    organisation: TrustDomain
    since: Moment | None = None
    until: Moment | None = None


def _parts(call: Call) -> AuditParts:
    if call.deps.audits is None:
        raise ApiError("peering_off", "expected a peering endpoint, got none: set peering_listen")
    return call.deps.audits


@route(Operation("GET", RECONCILIATIONS, ReportQuery, Page[ReconciliationView], "Comparisons, newest first"))
async def list_reconciliations(call: Call, wanted: ReportQuery) -> Reply:
    """Without the differences."""
    limit = min(wanted.limit, PAGE)
    found = await _parts(call).reports.page(
        organisation=wanted.organisation, after=wanted.after, limit=limit + 1
    )
    page, following = cut(found, limit, lambda report: report.id)
    return Reply(Page(await shaped(page, ReconciliationView.of), following))


@route(Operation("GET", RUNNING, Nothing, Page[RunningView], "Comparisons that go on, of this control plane"))
async def list_running(call: Call, _: Nothing) -> Reply:
    """How far each is."""
    return Reply(Page(tuple(RunningView.of(one) for one in _parts(call).reconciling.running()), None))


@route(Operation("GET", RECONCILIATIONS + "/{id}", Nothing, ReconciliationView, "One comparison, in full"))
async def show_reconciliation(call: Call, _: Nothing) -> Reply:
    """With the differing rows named."""
    wanted = call.path["id"]
    report = None
    if len(wanted) <= _MAX_ID and wanted.isprintable():
        report = await _parts(call).reports.get(wanted)
    if report is None:
        raise ApiError("not_found", f"expected the id of a comparison, got {shown(wanted)}")
    return Reply(ReconciliationView.of(report))


@route(
    Operation(
        "POST",
        RECONCILIATIONS,
        NewReconciliation,
        ReconciliationView,
        "Compare the audit with a partner's now",
        Role.OPERATOR,
        status=201,
        deadline=DEADLINE,
        keyed=Keyed.APART,
    )
)
async def reconcile(call: Call, wanted: NewReconciliation) -> Reply:
    """Compare, keep the report and answer it; what the partner refuses is its ``error``."""
    parts = _parts(call)
    until = wanted.until or call.deps.now() - SETTLE
    interval = Interval(wanted.since or until - HOUR, until)
    report = await parts.reconciling.reconcile(wanted.organisation, interval, actor=call.actor)
    return Reply(ReconciliationView.of(report), location=f"{RECONCILIATIONS}/{report.id}")


async def meter(call: Call) -> Sequence[Family]:
    """How it stands with each partner, as metrics."""
    parts, now = call.deps.audits, call.deps.now()
    standings = (await parts.reports.standings())[:MAX_METERED] if parts else []
    compared = await _compared(call, standings) if parts else {}
    labels = ("organisation",)
    return (
        Family(
            "proxenia_audit_differences_open",
            "Crossings about which a partner's audit and ours do not say the same.",
            labels,
            tuple(Sample((one.organisation,), one.open) for one in standings),
        ),
        Family(
            "proxenia_audit_agrees",
            "1 when the last comparison with a partner was made and found no difference.",
            labels,
            tuple(Sample((one.organisation,), one.agrees) for one in standings),
        ),
        Family(
            "proxenia_audit_compared_seconds",
            "Seconds since the time up to which the audits were last compared by the schedule; with a trusted"
            " partner with whom they never were, since it is trusted.",
            labels,
            tuple(
                Sample((organisation,), (now - at).total_seconds())
                for organisation, at in sorted(compared.items())[:MAX_METERED]
            ),
        ),
    )


async def _compared(call: Call, standings: Sequence[Standing]) -> Mapping[str, datetime]:
    """Up to when the audits were compared with each trusted partner whose control plane we know."""
    views = await call.deps.peering.views.views() if call.deps.peering else []
    until = {one.organisation: one.compared_until for one in standings}
    names = {*until, *(view.organisation for view in views)}
    since = await call.deps.history.trusted_since(names) if call.deps.history else {}
    return {name: until.get(TrustDomain(name)) or at for name, at in since.items()}


ROUTES = (list_reconciliations, list_running, show_reconciliation, reconcile)
