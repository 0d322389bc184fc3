"""A group as our egress reaches it: nodes of the members that offer the resource, and our own service."""

from collections.abc import Sequence

from control_plane.model.federation import Import, Mixed, Own
from control_plane.model.group import Group, GroupMode
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem
from control_plane.model.resource import Resource
from control_plane.plan.imports import first_at_each_address, targets_of
from control_plane.plan.lists import epoch_of
from control_plane.plan.world import World

_RANKS = 2  # of one member: its preferred node, the others


def plan_group(world: World, key: str) -> tuple[Import | Mixed | None, tuple[Problem, ...]]:
    """Members in the stated order (failover), or all at once (balance); a closed one has no targets."""
    group = world.groups.get(key)
    if group is None:
        return None, ()
    subject = f"group {key}"
    if group.organisation != world.own:
        detail = f"expected a group of {world.own}, got one of {group.organisation}"
        return None, (Problem(subject, "foreign_group", detail, "name it after this organisation"),)
    problems, known = [], []
    for member in group.members:
        if f"{group.name}@{member}" in world.resources:
            known.append(member)
            continue
        detail = f"{member} offers no {group.name} that we know: it is left out"
        problems.append(
            Problem(subject, "unknown_resource", detail, "add the resource, or remove the member")
        )
    planned = _planned(world, group, known)
    if not reachable(planned):
        detail = "no admitted node of any member serves it: callers get 503"
        problems.append(Problem(subject, "no_node", detail, "add or enable a node of a member"))
    return planned, tuple(problems)


def reachable(planned: Import | Mixed) -> bool:
    """Whether there is any address to ask."""
    if isinstance(planned, Import):
        return bool(planned.targets)
    sides = (planned.ahead, planned.behind)
    return bool(planned.own.resource.upstreams) or any(side is not None and side.targets for side in sides)


def _planned(world: World, group: Group, members: Sequence[TrustDomain]) -> Import | Mixed:
    if world.own not in members:
        return _partners(world, group, members)
    place = members.index(world.own)
    ahead, behind = (
        _partners(world, group, side) if side else None for side in (members[:place], members[place + 1 :])
    )
    own = Own(world.resources[group.key])
    return Mixed(Resource(group.name, group.organisation), ahead, own, behind)


def _partners(world: World, group: Group, members: Sequence[TrustDomain]) -> Import:
    targets = []
    for number, member in enumerate(members):
        rank = _RANKS * number if group.mode is GroupMode.FAILOVER else 0
        targets += targets_of(world, world.resources[f"{group.name}@{member}"], rank=rank)
    shown = Resource(group.name, group.organisation)
    epoch = epoch_of(members, world.bundles)
    return Import(shown, first_at_each_address(targets), tuple(members), epoch)
