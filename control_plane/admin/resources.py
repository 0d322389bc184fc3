"""Resources: partners' that we use, and our own that we offer."""

from functools import partial

from control_plane.admin.bulk import DEADLINE, Loaded, check_lines, load
from control_plane.admin.ledger import Deed, perform
from control_plane.admin.listing import OrganisationQuery, Page, read_page, shaped
from control_plane.admin.operation import (
    API,
    JSON_LINES,
    Call,
    Line,
    Nothing,
    Operation,
    Reply,
    bulk_route,
    route,
)
from control_plane.admin.references import check_served, check_unreferenced, grants_naming, known_nodes
from control_plane.admin.stored import find, read_back, refuse_existing, value_of
from control_plane.admin.tokens import Role
from control_plane.admin.views import ResourceView, resource_view
from control_plane.model.change import Kind
from control_plane.model.resource import Resource

RESOURCES = f"{API}/federation/resources"
RESOURCE = RESOURCES + "/{key}"


@route(Operation("GET", RESOURCES, OrganisationQuery, Page[ResourceView], "Resources, by name@organisation"))
async def list_resources(call: Call, query: OrganisationQuery) -> Reply:
    """One page."""
    page, following = await read_page(call.deps.objects, Kind.RESOURCE, query)
    return Reply(Page(await shaped(page, resource_view), following))


@route(Operation("GET", RESOURCE, Nothing, ResourceView, "One resource"))
async def show_resource(call: Call, _: Nothing) -> Reply:
    """One resource."""
    stored = await find(call, Kind.RESOURCE, call.path["key"])
    return Reply(resource_view(stored), stored.revision)


@route(Operation("POST", RESOURCES, Resource, ResourceView, "Add a resource", role=Role.OPERATOR, status=201))
async def add_resource(call: Call, resource: Resource) -> Reply:
    """Add one that does not exist, and that somebody would serve."""
    nodes = await known_nodes(call.deps.objects, [resource.organisation])
    check_served(call.deps.own, nodes, resource)
    await refuse_existing(call, Kind.RESOURCE, resource.key)
    await perform(call, [Deed("create", Kind.RESOURCE, resource.key, resource)])
    stored = await read_back(call, Kind.RESOURCE, resource.key)
    return Reply(resource_view(stored), stored.revision, f"{RESOURCES}/{resource.key}")


@bulk_route(
    Operation(
        "POST",
        RESOURCES,
        Resource,
        Loaded,
        "Add or overwrite many resources, all or none",
        role=Role.OPERATOR,
        media=JSON_LINES,
        deadline=DEADLINE,
    )
)
async def import_resources(call: Call, lines: tuple[Line[Resource], ...]) -> Reply:
    """One resource a line."""
    nodes = await known_nodes(call.deps.objects, {line.value.organisation for line in lines})
    check_lines(lines, partial(check_served, call.deps.own, nodes))
    loaded = await load(call, Kind.RESOURCE, lines)
    return Reply(loaded, loaded.revision)


@route(Operation("DELETE", RESOURCE, Nothing, None, "Remove a resource", role=Role.OPERATOR, status=204))
async def remove_resource(call: Call, _: Nothing) -> Reply:
    """Remove one that no grant names."""
    stored = await find(call, Kind.RESOURCE, call.path["key"])
    resource = value_of(stored, Resource)
    if resource.organisation == call.deps.own:
        check_unreferenced(resource.key, await grants_naming(call.deps.objects, resource))
    await perform(call, [Deed("remove", Kind.RESOURCE, stored.key, None, stored)])
    return Reply()


ROUTES = (list_resources, show_resource, add_resource, import_resources, remove_resource)
