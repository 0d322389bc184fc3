"""Grants: who may use which of our resources."""

from control_plane.admin.ledger import Deed, perform
from control_plane.admin.listing import OrganisationQuery, Page, read_page, shaped
from control_plane.admin.operation import API, Call, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import find, read_back, refuse_existing
from control_plane.admin.tokens import Role
from control_plane.admin.views import GrantView, grant_view
from control_plane.model.change import Kind
from control_plane.model.grant import Grant

GRANTS = f"{API}/federation/grants"
GRANT = GRANTS + "/{key}"


@route(Operation("GET", GRANTS, OrganisationQuery, Page[GrantView], "Grants, by id"))
async def list_grants(call: Call, query: OrganisationQuery) -> Reply:
    """One page."""
    page, following = await read_page(call.deps.objects, Kind.GRANT, query)
    return Reply(Page(await shaped(page, grant_view), following))


@route(Operation("GET", GRANT, Nothing, GrantView, "One grant"))
async def show_grant(call: Call, _: Nothing) -> Reply:
    """One grant."""
    stored = await find(call, Kind.GRANT, call.path["key"])
    return Reply(grant_view(stored), stored.revision)


@route(Operation("POST", GRANTS, Grant, GrantView, "Add a grant", role=Role.OPERATOR, status=201))
async def add_grant(call: Call, grant: Grant) -> Reply:
    """Let a partner use a resource of ours that exists."""
    own = call.deps.own
    if grant.organisation == own:
        raise ApiError("own_organisation", f"expected a partner as subject, got {grant.subject} of our own")
    if grant.approved_by:
        raise ApiError("bad_approval", "expected a grant that nobody approved yet: approve it by its name")
    if await call.deps.objects.get(Kind.RESOURCE, f"{grant.resource}@{own}") is None:
        raise ApiError("unknown_resource", f"expected a resource of {own}, got {grant.resource}")
    await refuse_existing(call, Kind.GRANT, grant.key)
    await perform(call, [Deed("create", Kind.GRANT, grant.key, grant)])
    stored = await read_back(call, Kind.GRANT, grant.key)
    return Reply(grant_view(stored), stored.revision, f"{GRANTS}/{grant.key}")


@route(Operation("DELETE", GRANT, Nothing, None, "Remove a grant", role=Role.OPERATOR, status=204))
async def remove_grant(call: Call, _: Nothing) -> Reply:
    """What it allowed is denied again."""
    stored = await find(call, Kind.GRANT, call.path["key"])
    await perform(call, [Deed("remove", Kind.GRANT, stored.key, None, stored)])
    return Reply()


ROUTES = (list_grants, show_grant, add_grant, remove_grant)
