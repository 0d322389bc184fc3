"""What happened: the audit, newest first."""

from dataclasses import dataclass, replace
from typing import ClassVar

from control_plane.admin.listing import MAX_PAGE, Page, cut, moment_key, read_moment_key
from control_plane.admin.moments import Moment
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit import AuditQuery

EVENTS = f"{API}/audit/events"
QUERY = f"{API}/audit/query"
_TEXTS = (
    "correlation_id",
    "principal",
    "resource",
    "reporter",
    "decision",
    "organisation",
    "capability",
    "node",
)
MAX_FILTER = 2048  # characters; a SPIFFE id is no longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which events: filters are joined by and, empty ones do not filter."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    correlation_id: str = ""
    principal: str = ""
    resource: str = ""
    reporter: str = ""
    decision: str = ""
    event_type: EventType | None = None
    organisation: str = ""
    capability: str = ""
    node: str = ""
    since: Moment | None = None
    until: Moment | None = None

    def __post_init__(self) -> None:
        for text in (getattr(self, name) for name in _TEXTS):
            if len(text) > MAX_FILTER or not text.isprintable():
                raise InvalidValueError(
                    "bad_parameter", f"expected printable text to look for, got {shown(text)}"
                )
        for moment in (self.since, self.until):
            if moment is not None and moment.tzinfo is None:
                raise InvalidValueError("bad_parameter", f"expected a time with its zone, got {moment}")

    def query(self) -> AuditQuery:
        """The question to the store."""
        return AuditQuery(
            correlation_id=self.correlation_id,
            principal=self.principal,
            resource=self.resource,
            reporter=self.reporter,
            decision=self.decision,
            event_type=self.event_type or "",
            organisation=self.organisation,
            capability=self.capability,
            node=self.node,
            since=self.since,
            until=self.until,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter(Filters):
    """Which page of them; ``after`` is a page's ``next``."""

    after: str = ""
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE:
            raise InvalidValueError(
                "bad_parameter", f"expected a limit from 1 to {MAX_PAGE}, got {self.limit}"
            )
        Filters.__post_init__(self)
        read_moment_key(self.after)

    def page(self) -> AuditQuery:
        """The question to the store: one row more than asked for tells whether there is a next page."""
        return replace(self.query(), after=self.after, limit=self.limit + 1)


async def _page(call: Call, wanted: AuditFilter) -> Reply:
    found = await call.deps.audit.query(wanted.page())
    page, following = cut(found, wanted.limit, lambda event: moment_key(event.timestamp, event.event_id))
    return Reply(Page(tuple(page), following))


@route(Operation("GET", EVENTS, AuditFilter, Page[AuditEvent], "Audit events, newest first"))
async def list_events(call: Call, wanted: AuditFilter) -> Reply:
    """One page."""
    return await _page(call, wanted)


@route(Operation("POST", QUERY, AuditFilter, Page[AuditEvent], "Audit events, with the filters in the body"))
async def query_events(call: Call, wanted: AuditFilter) -> Reply:
    """The same page; for filters that should not stand in an address."""
    return await _page(call, wanted)


ROUTES = (list_events, query_events)
