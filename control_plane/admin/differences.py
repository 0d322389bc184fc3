"""What one gateway should have, and what it acknowledged: resource by resource, by version."""

from dataclasses import dataclass
from typing import ClassVar

from control_plane.admin.gateways import GATEWAYS, WORDS
from control_plane.admin.operation import Call, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.model.delivery import Difference, Progress
from control_plane.model.identity import shown

DIFF = GATEWAYS + "/{id}/diff"
MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffQuery:
    """With ``all`` also what is acknowledged."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    """One resource: the version that is wanted, and whether it is acknowledged, refused, or on its way."""

    type: str
    name: str
    wanted: str
    progress: Progress
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """How many are ``wanted`` and ``acknowledged``; the others (with ``all``: all) one by one."""

    gateway: str
    wanted: int
    acknowledged: int
    resources: tuple[DifferenceView, ...]


@route(Operation("GET", DIFF, DiffQuery, Diff, "What one gateway should have and what it acknowledged"))
async def show_diff(call: Call, query: DiffQuery) -> Reply:
    """From the stream that this replica serves."""
    gateway = call.path["id"]
    found = call.deps.streams.differences(gateway) if call.deps.streams else None
    if found is None:
        raise ApiError("not_found", f"no gateway {shown(gateway)} is connected to this control plane")
    told = [each for each in found if query.all or each.progress is not Progress.ACKNOWLEDGED]
    acknowledged = sum(each.progress is Progress.ACKNOWLEDGED for each in found)
    views = tuple(_view(each) for each in told[:MOST])
    return Reply(Diff(gateway=gateway, wanted=len(found), acknowledged=acknowledged, resources=views))


def _view(each: Difference) -> DifferenceView:
    return DifferenceView(
        type=WORDS.get(each.type_url, each.type_url),
        name=each.name,
        wanted=each.version,
        progress=each.progress,
        detail=each.detail,
    )


ROUTES = (show_diff,)
