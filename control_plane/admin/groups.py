"""Groups: the same service of several partners under one name of ours."""

from dataclasses import dataclass
from datetime import datetime

from control_plane.admin.ledger import Deed, perform
from control_plane.admin.listing import Page, PageQuery, read_page, shaped
from control_plane.admin.operation import API, Call, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import find, read_back, refuse_existing, value_of
from control_plane.admin.tokens import Role
from control_plane.model.change import Kind
from control_plane.model.group import Group, GroupMode
from control_plane.ports.objects import Stored

GROUPS = f"{API}/federation/groups"
GROUP = GROUPS + "/{key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group; ``host`` is the name by which applications call it."""

    id: str
    name: str
    organisation: str
    host: str
    members: tuple[str, ...]
    mode: GroupMode
    created_at: datetime
    updated_at: datetime
    revision: int


def group_view(stored: Stored) -> GroupView:
    """What is known of a stored group."""
    group = value_of(stored, Group)
    return GroupView(
        id=group.key,
        name=group.name,
        organisation=group.organisation,
        host=f"{group.name}.{group.organisation}",
        members=group.members,
        mode=group.mode,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        revision=stored.revision,
    )


@route(Operation("GET", GROUPS, PageQuery, Page[GroupView], "Groups, by name@organisation"))
async def list_groups(call: Call, query: PageQuery) -> Reply:
    """One page."""
    page, following = await read_page(call.deps.objects, Kind.GROUP, query)
    return Reply(Page(await shaped(page, group_view), following))


@route(Operation("GET", GROUP, Nothing, GroupView, "One group"))
async def show_group(call: Call, _: Nothing) -> Reply:
    """One group."""
    stored = await find(call, Kind.GROUP, call.path["key"])
    return Reply(group_view(stored), stored.revision)


@route(Operation("POST", GROUPS, Group, GroupView, "Add a group", role=Role.OPERATOR, status=201))
async def add_group(call: Call, group: Group) -> Reply:
    """Add one of ours, whose members offer the resource."""
    own = call.deps.own
    if group.organisation != own:
        raise ApiError("foreign_group", f"expected a group of {own}, got one of {group.organisation}")
    for member in group.members:
        if await call.deps.objects.get(Kind.RESOURCE, f"{group.name}@{member}") is None:
            raise ApiError(
                "unknown_member", f"expected a resource {group.name}@{member}, which we do not know"
            )
    await refuse_existing(call, Kind.GROUP, group.key)
    await perform(call, [Deed("create", Kind.GROUP, group.key, group)])
    stored = await read_back(call, Kind.GROUP, group.key)
    return Reply(group_view(stored), stored.revision, f"{GROUPS}/{group.key}")


@route(Operation("DELETE", GROUP, Nothing, None, "Remove a group", role=Role.OPERATOR, status=204))
async def remove_group(call: Call, _: Nothing) -> Reply:
    """Its members stay as they are."""
    stored = await find(call, Kind.GROUP, call.path["key"])
    await perform(call, [Deed("remove", Kind.GROUP, stored.key, None, stored)])
    return Reply()


ROUTES = (list_groups, show_group, add_group, remove_group)
