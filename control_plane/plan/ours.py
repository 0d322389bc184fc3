"""What our applications call by a name of ours: a group, or else the resource that we offer to partners."""

from control_plane.model.federation import Import, Mixed, Own
from control_plane.model.problem import Problem
from control_plane.plan.groups import plan_group
from control_plane.plan.world import World


def plan_ours(world: World, key: str) -> tuple[Import | Mixed | Own | None, tuple[Problem, ...]]:
    """One name is one cluster: a group that comes or goes takes the place of the resource in one step.

    Upstreams are not judged here: of a resource without any, its export tells.
    """
    if key in world.groups:
        return plan_group(world, key)
    resource = world.resources.get(key)
    if resource is None or resource.organisation != world.own:
        return None, ()
    return Own(resource), ()
