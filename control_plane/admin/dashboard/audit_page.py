"""The audit: search and live tail, one request from both sides, and comparisons with partners'."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from control_plane.admin import audit_events, audit_heads, reconciliations
from control_plane.admin.agreements import list_agreements
from control_plane.admin.dashboard.doing import read_input
from control_plane.admin.dashboard.page import Values, ask, ask_all
from control_plane.admin.listing import PageQuery
from control_plane.admin.operation import Call
from control_plane.admin.problems import ApiError
from control_plane.chain.crossing import crossed, crossing_of, is_request, partner_of
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.reconciliation import FIELDS

_FILTERS = (
    "correlation_id",
    "principal",
    "organisation",
    "resource",
    "capability",
    "node",
    "decision",
    "event_type",
    "since",
    "until",
)
_ROWS = 50
_LOOKED_AT = 20  # reports that may tell of one request
_AROUND = timedelta(minutes=1)


async def audit(call: Call, query: Mapping[str, str]) -> Values:
    """Search, newest first; without a filter, the first page is the live tail."""
    given = {name: query[name].strip() for name in _FILTERS if query.get(name, "").strip()}
    after = query.get("after", "").strip()
    values: Values = {"filter": given, "after": after, "types": list(EventType), "fault": ""}
    try:
        wanted = read_input(audit_events.list_events, given | {"after": after, "limit": str(_ROWS)})
        found = await ask(call, audit_events.list_events, wanted)
    except ApiError as error:
        return values | {"events": (), "next": None, "fault": error.refusal.detail}
    return values | {"events": found.items, "next": found.next}


async def request(call: Call, query: Mapping[str, str]) -> Values:
    """One request as we recorded it, beside what comparisons say of the partner's record of it."""
    identifier = query.get("id", "").strip()
    asked = audit_events.AuditFilter(correlation_id=identifier, limit=_ROWS)
    rows = (await ask(call, audit_events.list_events, asked)).items if identifier else ()
    row = next((row for row in rows if is_request(row)), None)
    partner = partner_of(row) if row else ""
    reached = row is not None and crossed(row) and partner != call.deps.own
    told, difference = await _compared(call, row, partner) if row and reached else (None, None)
    return {
        "id": identifier,
        "rows": rows,
        "row": row,
        "partner": partner,
        "reached": reached,
        "ours": crossing_of(row, call.deps.own).values if row else {},
        "report": told,
        "difference": difference,
        "fields": FIELDS,
        "since": row.timestamp - _AROUND if row else None,
        "until": row.timestamp + _AROUND if row else None,
        "compares": call.deps.audits is not None,
    }


async def _compared(call: Call, crossing: AuditEvent, partner: str) -> tuple[Any, Any]:
    """The newest comparison that covers this request, and what it says of it (None: that both agree)."""
    if call.deps.audits is None:
        return None, None
    asked = reconciliations.ReportQuery(organisation=TrustDomain(partner), limit=_LOOKED_AT)
    for report in (await ask(call, reconciliations.list_reconciliations, asked)).items:
        if not report.error and report.since <= crossing.timestamp < report.until:
            whole = await ask(call, reconciliations.show_reconciliation, id=report.id)
            named = (one for one in whole.differences if one.correlation_id == crossing.correlation_id)
            return whole, next(named, None)
    return None, None


async def reports(call: Call, query: Mapping[str, str]) -> Values:
    """Comparisons of the audit with partners'; one in full when its id is given."""
    partners = [each.organisation for each in (await ask_all(call, list_agreements)).items]
    if call.deps.audits is None:
        nothing: Values = {"reports": None, "report": None, "partners": partners, "next": None}
        return nothing | {"running": (), "refused": ()}
    asked = reconciliations.ReportQuery(after=query.get("after", ""), limit=_ROWS)
    found = await ask(call, reconciliations.list_reconciliations, asked)
    chosen = query.get("id", "")
    return {
        "reports": found.items,
        "next": found.next,
        "running": (await ask(call, reconciliations.list_running)).items,
        "report": await ask(call, reconciliations.show_reconciliation, id=chosen) if chosen else None,
        "partners": partners,
        "refused": (await ask(call, audit_heads.list_heads, PageQuery())).refused,
    }
