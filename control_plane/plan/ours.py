"""What our applications call by a name of ours: a group, or else the resource that we offer to partners."""

from dataclasses import replace
from ipaddress import ip_address

from control_plane.model.federation import Import, Mixed, Own
from control_plane.model.node import Endpoint
from control_plane.model.problem import Problem
from control_plane.model.resource import Resource
from control_plane.plan.groups import plan_group
from control_plane.plan.world import World


def plan_ours(world: World, key: str) -> tuple[Import | Mixed | Own | None, tuple[Problem, ...]]:
    """One name is one cluster: a group that comes or goes takes the place of the resource in one step.

    An upstream that is an egress of ours may stand behind the ingress, so that partners can use a group.
    Behind the egress itself it would be asked again, and again.
    """
    planned, problems = plan_group(world, key) if key in world.groups else (_resource(world, key), ())
    own = planned.own if isinstance(planned, Mixed) else planned
    if not isinstance(own, Own):
        return planned, problems
    resource, kept = own.resource, _elsewhere(world, own.resource)
    if len(kept) == len(resource.upstreams):
        return planned, problems
    detail = "an upstream of it is an egress of ours, which would lead to itself: left out of the egress"
    looped = Problem(f"resource {key}", "upstream_is_egress", detail, "name the service's own address")
    own = Own(replace(resource, upstreams=kept))
    return (replace(planned, own=own) if isinstance(planned, Mixed) else own), (*problems, looped)


def _resource(world: World, key: str) -> Own | None:
    """Upstreams that are missing are not judged here: of a resource without any, its export tells."""
    resource = world.resources.get(key)
    return Own(resource) if resource is not None and resource.organisation == world.own else None


def _elsewhere(world: World, resource: Resource) -> tuple[Endpoint, ...]:
    def leads_back(upstream: Endpoint) -> bool:
        doors = (world.gateways[gateway].egress for gateway in world.homes.doors(upstream.port))
        return any(_same(upstream, door) for door in doors)

    return tuple(each for each in resource.upstreams if not leads_back(each))


def _same(upstream: Endpoint, door: Endpoint) -> bool:
    asked, listens = ip_address(upstream.host), ip_address(door.host)
    return asked == listens or (listens.is_unspecified and asked.is_loopback)
