"""How long a page of the audit takes by each filter, and counting all of it: the statistics of a day."""

from dataclasses import replace
from datetime import datetime, timedelta
from time import perf_counter

from bench.report import Report
from control_plane.chain.crossing import partner_of
from control_plane.ports.audit import AuditQuery, AuditStore
from control_plane.ports.audit_use import AuditStatistics
from control_plane.store.audit_rows import cursor

PAGE = 100
MOST_MS = 100.0
MOST_SECONDS = 1.0  # for the statistics of a million rows
TIMES = 3


async def pages(audit: AuditStore, report: Report, *, halfway: datetime) -> None:
    """One figure for each filter: the slower of its newest page and of one that begins ``halfway``."""
    row = (await audit.query(AuditQuery(until=halfway, limit=1)))[0]
    queries = {
        "no filter": AuditQuery(),
        "correlation id": AuditQuery(correlation_id=row.correlation_id),
        "principal": AuditQuery(principal=row.principal),
        "organisation": AuditQuery(organisation=partner_of(row)),
        "resource": AuditQuery(resource=row.resource),
        "node": AuditQuery(node=row.reporter),
        "decision": AuditQuery(decision="allowed"),
        "event type": AuditQuery(event_type="cross_org_request"),
        "a principal that does not exist": AuditQuery(principal="nobody"),
        "an organisation that does not exist": AuditQuery(organisation="nobody.example"),
        "a node that does not exist": AuditQuery(node="nobody"),
        "a capability that does not exist": AuditQuery(capability="nothing"),
        "a decision that was never made": AuditQuery(decision="denied"),
        "an event type that never was": AuditQuery(event_type="gap"),
    }
    for name, query in queries.items():
        newest = await _best(audit, replace(query, limit=PAGE))
        deep = await _best(audit, replace(query, limit=PAGE, after=cursor(row)))
        report.figure(f"page by {name}", max(newest, deep), unit="ms", at_most=MOST_MS)


async def statistics(counts: AuditStatistics, report: Report, *, halfway: datetime, rows: int) -> None:
    """One figure: everything that happened within twelve hours of ``halfway``."""
    day, taken = timedelta(hours=12), []
    for _ in range(TIMES):
        began = perf_counter()
        found = await counts.statistics(halfway - day, halfway + day)
        taken.append(perf_counter() - began)
    report.figure("statistics: requests counted", found.requests, unit="rows", at_least=rows)
    report.figure("statistics: time", min(taken), unit="s", at_most=MOST_SECONDS)


async def _best(audit: AuditStore, query: AuditQuery) -> float:
    """The fastest of some times, in milliseconds; the first also plans the statement."""
    taken = []
    for _ in range(TIMES):
        began = perf_counter()
        await audit.query(query)
        taken.append((perf_counter() - began) * 1000)
    return min(taken)
