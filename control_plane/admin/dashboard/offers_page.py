"""Resources and grants: what is offered, who may use what is ours, and what shadow grants would do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from control_plane.admin import grants, groups, resources
from control_plane.admin.dashboard.page import Values, ask, ask_all
from control_plane.admin.grant_shadow import ShadowView, Since, show_shadow
from control_plane.admin.listing import MAX_PAGE, OrganisationQuery
from control_plane.admin.operation import Call
from control_plane.admin.views import GrantView, ResourceView
from control_plane.model.conditions import Conditions

MAX_COLUMNS = 12  # organisations in the matrix; the table has all
MAX_SHADOWS = 20  # that are counted for one page


@dataclass(frozen=True, slots=True)
class Cell:
    """What one organisation may do with one resource: the strongest of its grants, and how many there are.

    ``word`` is ``allowed`` (all of it), ``part`` (some identities, capabilities or times), ``waiting``,
    ``shadow``, ``off`` or empty.
    """

    word: str
    grants: int


_STRENGTH = ("", "off", "shadow", "waiting", "part", "allowed")


def strength(grant: GrantView) -> str:
    """How much a grant lets through, as a word."""
    if not grant.enabled:
        return "off"
    if grant.shadow:
        return "shadow"
    if grant.conditions.approval and not grant.approved_by:
        return "waiting"
    partly = grant.subject.startswith("spiffe://") or grant.capabilities or grant.conditions != Conditions()
    return "part" if partly else "allowed"


def organisation_of(grant: GrantView) -> str:
    """Whose grant it is."""
    return grant.subject.removeprefix("spiffe://").partition("/")[0]


def matrix(
    ours: Iterable[ResourceView], granted: Sequence[GrantView]
) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[Cell, ...]], ...]]:
    """The organisations, and for each of our resources what each may do."""
    columns = tuple(sorted({organisation_of(grant) for grant in granted}))[:MAX_COLUMNS]
    rows = []
    for resource in ours:
        cells = []
        for column in columns:
            of = [
                strength(g) for g in granted if g.resource == resource.name and organisation_of(g) == column
            ]
            cells.append(Cell(max(of, key=_STRENGTH.index, default=""), len(of)))
        rows.append((resource.name, tuple(cells)))
    return columns, tuple(rows)


async def offers(call: Call, _: Mapping[str, str]) -> Values:
    """What is offered, and who may use what is ours."""
    offered = await ask_all(call, resources.list_resources, OrganisationQuery(limit=MAX_PAGE))
    granted = await ask_all(call, grants.list_grants, OrganisationQuery(limit=MAX_PAGE))
    ours = [each for each in offered.items if each.organisation == call.deps.own]
    columns, rows = matrix(ours, granted.items)
    return {
        "resources": offered.items,
        "grants": granted.items,
        "groups": (await ask_all(call, groups.list_groups)).items,
        "more": offered.next is not None or granted.next is not None,
        "columns": columns,
        "rows": rows,
        "others": len({organisation_of(grant) for grant in granted.items}) - len(columns),
        "shadows": await _shadows(call, granted.items),
    }


async def _shadows(call: Call, granted: Sequence[GrantView]) -> list[ShadowView]:
    """What each shadow grant would have allowed in 24 hours."""
    if call.deps.shadows is None:
        return []
    named = [grant.id for grant in granted if grant.shadow][:MAX_SHADOWS]
    return [await ask(call, show_shadow, Since(), key=name) for name in named]
