"""What one gateway should have, and what it acknowledged: resource by resource, by version."""

from dataclasses import dataclass

from control_plane.admin.gateways import GATEWAYS, WORDS
from control_plane.admin.listing import MAX_PAGE, PageQuery, part, shaped
from control_plane.admin.operation import Call, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.model.delivery import Difference, Progress
from control_plane.model.identity import shown

DIFF = GATEWAYS + "/{id}/diff"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffQuery(PageQuery):
    """Which part; with ``all`` also of what is acknowledged."""

    all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceView:
    """One resource: the version that is wanted, and whether it is acknowledged, refused, or on its way.

    ``chains`` are those of an acknowledged listener. Envoy replaces them in place, and goes on naming the
    version that the listener began with: it is by its chains that the present one is known.
    """

    type: str
    name: str
    wanted: str
    progress: Progress
    detail: str
    chains: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """How many are ``wanted`` and ``acknowledged``; of the others (with ``all``: of all) one page."""

    gateway: str
    wanted: int
    acknowledged: int
    items: tuple[DifferenceView, ...]
    next: str | None


@route(Operation("GET", DIFF, DiffQuery, Diff, "What one gateway should have and what it acknowledged"))
async def show_diff(call: Call, query: DiffQuery) -> Reply:
    """From the stream that this replica serves."""
    gateway = call.path["id"]
    found = differences_of(call, gateway)
    told = [each for each in found if query.all or each.progress is not Progress.ACKNOWLEDGED]
    acknowledged = sum(each.progress is Progress.ACKNOWLEDGED for each in found)
    page, following = part(told, query, lambda each: f"{each.type_url}|{each.name}", most=MAX_PAGE)
    return Reply(
        Diff(
            gateway=gateway,
            wanted=len(found),
            acknowledged=acknowledged,
            items=await shaped(page, difference_view),
            next=following,
        )
    )


def differences_of(call: Call, gateway: str) -> tuple[Difference, ...]:
    """Every resource that a gateway should have. Raises ApiError when it is not connected here."""
    found = call.deps.streams.differences(gateway) if call.deps.streams else None
    if found is None:
        raise ApiError("not_found", f"no gateway {shown(gateway)} is connected to this control plane")
    return found


def difference_view(each: Difference) -> DifferenceView:
    """One of them as the API shows it."""
    return DifferenceView(
        type=WORDS.get(each.type_url, each.type_url),
        name=each.name,
        wanted=each.version,
        progress=each.progress,
        detail=each.detail,
        chains=each.chains,
    )


ROUTES = (show_diff,)
