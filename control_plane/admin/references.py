"""What names what: nothing may name what does not exist, and nothing that is named may be removed.

Checked before a write and not by the database: two operators at once can get round it. The core stands
that, since it sees a dangling name as a problem of the one that has it.
"""

from collections.abc import Iterable

from control_plane.admin.listing import every
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import value_of
from control_plane.model.change import Kind
from control_plane.model.grant import Grant
from control_plane.model.held import Held
from control_plane.model.identity import TrustDomain
from control_plane.model.node import Node
from control_plane.model.problem import InvalidValueError
from control_plane.model.resource import Resource
from control_plane.ports.objects import Objects

_TOLD = 10  # names in an error
_FEW = 16  # organisations that are asked for one by one


def check_unreferenced(key: str, names: list[str]) -> None:
    """Raise ApiError when something still names ``key``."""
    if names:
        more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
        raise ApiError("still_referenced", f"{key} is named by {', '.join(names[:_TOLD])}{more}")


async def resources_naming(objects: Objects, node: Node) -> list[str]:
    """The resources that name ``node``; those that are served by all nodes of its organisation name none."""
    resources = every(objects, Kind.RESOURCE, organisation=node.organisation)
    return [stored.key async for stored in resources if node.node_id in value_of(stored, Resource).nodes]


async def grants_naming(objects: Objects, resource: Resource) -> list[str]:
    """The grants of our own ``resource``."""
    grants = every(objects, Kind.GRANT)
    return [stored.key async for stored in grants if value_of(stored, Grant).resource == resource.name]


async def known_nodes(objects: Objects, organisations: Iterable[TrustDomain]) -> dict[TrustDomain, set[str]]:
    """The node ids of each of these organisations."""
    known: dict[TrustDomain, set[str]] = {organisation: set() for organisation in organisations}
    # One look at everything is cheaper than a question for each of many organisations.
    asked = list(known) if len(known) <= _FEW else [""]
    for organisation in asked:
        async for stored in every(objects, Kind.NODE, organisation=organisation):
            node = value_of(stored, Node)
            if node.organisation in known:
                known[node.organisation].add(node.node_id)
        async for stored in every(objects, Kind.SIGHTING, organisation=organisation):
            held = value_of(stored, Held)
            if held.organisation in known:
                known[held.organisation].add(held.sighting.node_id)
    return known


def check_served(own: TrustDomain, nodes: dict[TrustDomain, set[str]], resource: Resource) -> None:
    """Raise InvalidValueError unless somebody that exists would serve ``resource``."""
    if resource.organisation == own:
        if resource.nodes or not resource.upstreams:
            raise InvalidValueError(
                "resource_without_nodes", f"expected upstreams for {resource.key}, our own resource, got none"
            )
        return
    if resource.upstreams:
        raise InvalidValueError(
            "foreign_upstreams",
            f"expected nodes of {resource.organisation} for {resource.key}, got upstreams",
        )
    existing = nodes[resource.organisation]
    if not existing:
        raise InvalidValueError(
            "resource_without_nodes",
            f"expected at least one node of {resource.organisation} to serve {resource.key}, got none",
        )
    missing = [name for name in resource.nodes if name not in existing]
    if missing:
        raise InvalidValueError(
            "unknown_node",
            f"expected nodes of {resource.organisation} that exist, got {', '.join(missing[:_TOLD])}",
        )
