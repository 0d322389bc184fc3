"""Nodes of partners: list, show, add, edit, remove, and many at once."""

from dataclasses import dataclass, fields, replace
from functools import partial
from typing import ClassVar

from control_plane.admin.bulk import DEADLINE, Loaded, check_lines, load
from control_plane.admin.ledger import Deed, perform
from control_plane.admin.listing import OrganisationQuery, Page, shaped
from control_plane.admin.node_view import (
    NodeView,
    node_reply,
    node_view,
    states_of,
    trust_levels,
    written_node,
)
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
from control_plane.admin.references import check_unreferenced, resources_naming
from control_plane.admin.spoken import find_node, find_own_entry, read_nodes
from control_plane.admin.stored import refuse_existing, value_of
from control_plane.admin.tokens import Role
from control_plane.model.change import Kind
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.problem import InvalidValueError

NODES = f"{API}/federation/nodes"
NODE = NODES + "/{key}"
MOST = 150  # on a page: what is known of each comes from many places


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePatch:
    """What to change of a node; what is absent or null stays as it is."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str | None = None
    spiffe_id: SpiffeId | None = None
    endpoints: tuple[Endpoint, ...] | None = None
    enabled: bool | None = None
    rate_limit_per_hour: int | None = None
    metadata: dict[str, str] | None = None

    def of(self, node: Node) -> Node:
        """``node`` with these changes. Raises InvalidValueError when the result breaks a rule."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(node, **{name: value for name, value in given.items() if value is not None})


def check_partner(own: TrustDomain, node: Node) -> None:
    """Raise InvalidValueError for a node of our own organisation."""
    if node.organisation == own:
        raise InvalidValueError("own_node", f"expected a partner's node, got {node.key} of this organisation")


@route(Operation("GET", NODES, OrganisationQuery, Page[NodeView], "Nodes, by key"))
async def list_nodes(call: Call, query: OrganisationQuery) -> Reply:
    """One page."""
    page, following = await read_nodes(call.deps.objects, replace(query, limit=min(query.limit, MOST)))
    states = await states_of(call.deps)
    levels = await trust_levels(call.deps, (one.node.organisation for one in page))
    views = await shaped(
        page, lambda one: node_view(one, call.deps, trust=levels[one.node.organisation], states=states)
    )
    return Reply(Page(views, following))


@route(Operation("GET", NODE, Nothing, NodeView, "One node, by node_id@organisation or by its UUID"))
async def show_node(call: Call, _: Nothing) -> Reply:
    """One node."""
    return await node_reply(call, await find_node(call))


@route(Operation("POST", NODES, Node, NodeView, "Add a partner's node", role=Role.OPERATOR, status=201))
async def add_node(call: Call, node: Node) -> Reply:
    """Add one that does not exist."""
    check_partner(call.deps.own, node)
    await refuse_existing(call, Kind.NODE, node.key)
    await perform(call, [Deed("create", Kind.NODE, node.key, node)])
    reply = await written_node(call, node.key)
    return replace(reply, location=f"{NODES}/{node.key}")


@bulk_route(
    Operation(
        "POST",
        NODES,
        Node,
        Loaded,
        "Add or overwrite many partners' nodes, all or none",
        role=Role.OPERATOR,
        media=JSON_LINES,
        deadline=DEADLINE,
    )
)
async def import_nodes(call: Call, lines: tuple[Line[Node], ...]) -> Reply:
    """One node a line."""
    check_lines(lines, partial(check_partner, call.deps.own))
    loaded = await load(call, Kind.NODE, lines)
    return Reply(loaded, loaded.revision)


@route(Operation("PATCH", NODE, NodePatch, NodeView, "Change some fields of a node", role=Role.OPERATOR))
async def edit_node(call: Call, patch: NodePatch) -> Reply:
    """Change what is given."""
    stored = await find_own_entry(call)
    changed = patch.of(value_of(stored, Node))
    await perform(call, [Deed("edit", Kind.NODE, stored.key, changed, stored)])
    return await written_node(call, stored.key)


@route(Operation("DELETE", NODE, Nothing, None, "Remove a node", role=Role.OPERATOR, status=204))
async def remove_node(call: Call, _: Nothing) -> Reply:
    """Remove one that no resource names."""
    stored = await find_own_entry(call)
    check_unreferenced(stored.key, await resources_naming(call.deps.objects, value_of(stored, Node)))
    deeds = [Deed("remove", Kind.NODE, stored.key, None, stored)]
    if steering := await call.deps.objects.get(Kind.STEERING, stored.key):
        deeds.append(Deed("remove", Kind.STEERING, stored.key, None, steering))
    await perform(call, deeds)
    return Reply()


ROUTES = (list_nodes, show_node, add_node, import_nodes, edit_node, remove_node)
