"""One of our applications calls a name of ours: a resource that we offer, or a group."""

from collections.abc import Iterator, Sequence

from control_plane.kit.counted import many
from control_plane.model.explanation import Explanation, Facts, Stage
from control_plane.model.federation import Condition, Import, Mixed, Own, Target
from control_plane.model.node import Endpoint
from control_plane.model.problem import Problem
from control_plane.model.resource import Resource
from control_plane.plan.explain import outbound, stages
from control_plane.plan.explain.trail import Check, Found, walk
from control_plane.plan.ours import plan_ours
from control_plane.plan.world import World


def explain(world: World, facts: Facts, key: str) -> Explanation:
    """Walk from the name to the addresses; no agreement, grant or limit is on the way to what is ours."""
    return walk(key, _group(world, facts, key) if key in world.groups else _resource(world, facts, key))


def _resource(world: World, facts: Facts, key: str) -> Iterator[Check]:
    resource = world.resources.get(key)
    yield Stage.RESOURCE, lambda: _known(resource, key)
    if resource is None:
        return
    planned, problems = plan_ours(world, key)
    upstreams = planned.resource.upstreams if isinstance(planned, Own) else ()
    yield from _gateway(facts, resource.host)
    yield Stage.ENDPOINTS, lambda: _upstreams(key, upstreams, problems)


def _group(world: World, facts: Facts, key: str) -> Iterator[Check]:
    group = world.groups[key]
    planned, problems = plan_ours(world, key)
    if planned is None:
        yield Stage.RESOURCE, lambda: problems[-1]
        return
    targets, services = _asked(planned)
    yield Stage.RESOURCE, lambda: f"{key} is a group of {', '.join(group.members)}"
    yield from _gateway(facts, f"{group.name}.{group.organisation}")
    yield Stage.ENDPOINTS, lambda: _addresses(targets, services, problems)
    yield Stage.CIRCUIT, lambda: outbound.circuits(facts, key, targets, services)


def _asked(planned: Import | Mixed | Own) -> tuple[list[Target], tuple[Endpoint, ...]]:
    """The addresses of partners' nodes, and of our own service."""
    if isinstance(planned, Import):
        return list(planned.targets), ()
    if isinstance(planned, Own):
        return [], planned.resource.upstreams
    sides = [side for side in (planned.ahead, planned.behind) if side is not None]
    return [target for side in sides for target in side.targets], planned.own.resource.upstreams


def _addresses(targets: Sequence[Target], services: Sequence[Endpoint], problems: Sequence[Problem]) -> Found:
    if not targets and not services:
        return problems[-1]
    if not services and (problem := outbound.drained(targets)):
        return problem
    usable = len(services) + sum(target.condition is not Condition.DRAINING for target in targets)
    return f"{many(usable, 'address')} of {len(services) + len(targets)} may be asked"


def _gateway(facts: Facts, host: str) -> Iterator[Check]:
    yield Stage.GATEWAY, lambda: stages.gateways(facts)
    yield Stage.ROUTE, lambda: stages.taken(facts, ("egress",))
    yield Stage.CLUSTER, lambda: outbound.on_gateway(facts, f"to/{host}")


def _known(resource: Resource | None, key: str) -> Found:
    if resource is None:
        name = key.partition("@")[0]
        return Problem(
            f"resource {key}",
            "unknown_resource",
            f"we offer no {name}, and have no group of that name: callers get 404",
            "correct the name (proxenia resource list), or add the resource",
        )
    return f"{key} is ours: our applications reach it directly, and need no grant"


def _upstreams(key: str, upstreams: Sequence[Endpoint], problems: Sequence[Problem]) -> Found:
    if upstreams:
        return many(len(upstreams), "upstream")
    if problems:
        return problems[-1]
    return Problem(
        f"resource {key}",
        "no_upstream",
        "it has no upstreams: callers get 503",
        "say where the service listens",
    )
