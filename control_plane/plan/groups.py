"""A group as our egress reaches it: the nodes of all its members that offer the resource."""

from control_plane.model.federation import Import
from control_plane.model.group import GroupMode
from control_plane.model.problem import Problem
from control_plane.model.resource import Resource
from control_plane.plan.imports import first_at_each_address, targets_of
from control_plane.plan.lists import epoch_of
from control_plane.plan.world import World

_RANKS = 2  # of one member: its preferred node, the others


def plan_group(world: World, key: str) -> tuple[Import | None, tuple[Problem, ...]]:
    """Members in the stated order (failover), or all at once (balance); a closed one has no targets."""
    group = world.groups.get(key)
    if group is None:
        return None, ()
    subject = f"group {key}"
    if group.organisation != world.own:
        detail = f"expected a group of {world.own}, got one of {group.organisation}"
        return None, (Problem(subject, "foreign_group", detail, "name it after this organisation"),)
    problems, organisations, targets = [], [], []
    for number, member in enumerate(group.members):
        resource = world.resources.get(f"{group.name}@{member}")
        if resource is None:
            detail = f"{member} offers no {group.name} that we know: it is left out"
            problems.append(
                Problem(subject, "unknown_resource", detail, "add the resource, or remove the member")
            )
            continue
        organisations.append(member)
        rank = _RANKS * number if group.mode is GroupMode.FAILOVER else 0
        targets += targets_of(world, resource, rank=rank)
    if not targets:
        detail = "no admitted node of any member serves it: callers get 503"
        problems.append(Problem(subject, "no_node", detail, "add or enable a node of a member"))
    shown = Resource(group.name, group.organisation)
    epoch = epoch_of(organisations, world.bundles)
    found = Import(shown, first_at_each_address(targets), tuple(organisations), epoch)
    return found, tuple(problems)
