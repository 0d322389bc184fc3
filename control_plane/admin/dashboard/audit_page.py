"""The audit: search, and comparisons with partners'."""

from collections.abc import Mapping

from control_plane.admin import audit_events, reconciliations
from control_plane.admin.dashboard.page import Values, ask
from control_plane.admin.operation import Call
from control_plane.model.problem import InvalidValueError

_FILTERS = ("correlation_id", "principal", "organisation", "resource", "decision", "node", "after")


async def audit(call: Call, query: Mapping[str, str]) -> Values:
    """Search, newest first."""
    given = {name: query[name].strip() for name in _FILTERS if query.get(name, "").strip()}
    try:
        found = await ask(call, audit_events.list_events, audit_events.AuditFilter(**given, limit=50))  # type: ignore[arg-type]  # all of these are text
    except InvalidValueError as error:
        return {"filter": given, "events": (), "next": None, "fault": error.detail}
    return {"filter": given, "events": found.items, "next": found.next, "fault": ""}


async def reports(call: Call, _: Mapping[str, str]) -> Values:
    """Comparisons of the audit with partners'."""
    if call.deps.audits is None:
        return {"reports": None}
    return {
        "reports": (
            await ask(call, reconciliations.list_reconciliations, reconciliations.ReportQuery())
        ).items
    }
