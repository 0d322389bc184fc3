"""The audit in numbers: by default of the last 24 hours."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from control_plane.admin.moments import Moment
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit_use import Statistics

STATISTICS = f"{API}/audit/statistics"
DAY = timedelta(days=1)
DEADLINE = 90.0  # seconds; it reads every row of that time


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsQuery:
    """From when to when."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    since: Moment | None = None
    until: Moment | None = None

    def __post_init__(self) -> None:
        if self.since and self.until and self.since >= self.until:
            raise InvalidValueError("bad_parameter", "expected since to be before until")


@route(Operation("GET", STATISTICS, StatisticsQuery, Statistics, "The audit in numbers", deadline=DEADLINE))
async def show_statistics(call: Call, wanted: StatisticsQuery) -> Reply:
    """Totals, what was denied, who called most, and how long it took."""
    until = wanted.until or call.deps.now()
    since = wanted.since or until - DAY
    return Reply(await call.deps.statistics.statistics(since, until))


ROUTES = (show_statistics,)
