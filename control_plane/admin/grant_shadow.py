"""What a shadow grant would have allowed so far."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from control_plane.admin.moments import Moment
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import find, value_of
from control_plane.model.change import Kind
from control_plane.model.grant import Grant

SHADOW = f"{API}/federation/grants/{{key}}/shadow"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """From when on; absent: the last 24 hours."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    since: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowView:
    """Requests since then that the grant ``would_allow``; ``denied`` of them were denied."""

    grant: str
    shadow: bool
    since: datetime
    would_allow: int
    denied: int
    last: datetime | None


@route(Operation("GET", SHADOW, Since, ShadowView, "What a shadow grant would have allowed"))
async def show_shadow(call: Call, query: Since) -> Reply:
    """From the verdicts that gateways wrote beside each request."""
    grant = value_of(await find(call, Kind.GRANT, call.path["key"]), Grant)
    if call.deps.shadows is None:
        raise ApiError("unavailable", "expected a store with an audit, got none")
    since = query.since or call.deps.now() - _DAY
    resource = f"{grant.resource}@{call.deps.own}"
    found = await call.deps.shadows.count(grant.id, resource, since=since)
    return Reply(
        ShadowView(
            grant=grant.id,
            shadow=grant.shadow,
            since=since,
            would_allow=found.would_allow,
            denied=found.denied,
            last=found.last,
        )
    )


ROUTES = (show_shadow,)
