"""Nodes: all of them, and one with everything that is known of it."""

from collections.abc import Mapping

from control_plane.admin import circuits, nodes
from control_plane.admin.dashboard.page import Values, ask
from control_plane.admin.listing import MAX_PAGE, OrganisationQuery
from control_plane.admin.operation import Call


async def node_list(call: Call, _: Mapping[str, str]) -> Values:
    """Every node, as far as a page goes."""
    found = await ask(call, nodes.list_nodes, OrganisationQuery(limit=MAX_PAGE))
    return {"nodes": found.items, "more": found.next is not None}


async def node(call: Call, query: Mapping[str, str]) -> Values:
    """One node, with its circuits."""
    key = query.get("key", "")
    return {
        "node": await ask(call, nodes.show_node, key=key),
        "circuit": await ask(call, circuits.show_circuit, key=key) if call.deps.fitness else None,
    }
