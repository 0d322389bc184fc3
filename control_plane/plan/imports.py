"""A partner's resource as our egress reaches it: the addresses of the admitted nodes that serve it."""

from collections.abc import Iterable, Iterator

from control_plane.model.federation import Condition, Import, Target
from control_plane.model.node import Node, zone_of
from control_plane.model.problem import Problem
from control_plane.model.resource import Resource
from control_plane.model.steering import Steering
from control_plane.plan.lists import epoch_of
from control_plane.plan.world import World

_NAMED = 5  # nodes that one problem lists


def plan_import(world: World, key: str) -> tuple[Import | None, tuple[Problem, ...]]:
    """Targets in a fixed order; none while the partner is closed, so that callers get 503 and not 404."""
    resource = world.resources.get(key)
    if resource is None or resource.organisation == world.own:
        return None, ()
    subject = f"resource {key}"
    problems = list(_misdescribed(world, resource, subject))
    organisations = (resource.organisation,)
    epoch = epoch_of(organisations, world.bundles)
    if not world.open(resource.organisation):
        return Import(resource, (), organisations, epoch), tuple(problems)
    serving = _admitted(world, resource)
    targets = first_at_each_address(targets_of(world, resource))
    if not targets:
        problems.append(
            Problem(
                subject,
                "no_node",
                f"no enabled node of {resource.organisation} serves it: callers get 503",
                "add or enable a node",
            )
        )
    problems.extend(_conflicts(world, serving))
    return Import(resource, targets, organisations, epoch), tuple(problems)


def targets_of(world: World, resource: Resource, *, rank: int = 0) -> list[Target]:
    """The addresses of all admitted nodes, in a fixed order; none while the partner is closed."""
    if not world.open(resource.organisation):
        return []
    targets = []
    for node in _admitted(world, resource):
        steering = world.steering.get(node.key)
        behind = resource.preferred is not None and node.node_id != resource.preferred
        targets += [
            Target(
                node.node_id,
                node.organisation,
                endpoint,
                resource.host,
                rank=rank + behind,
                zone=zone_of(node),
                condition=_condition(steering),
                resets=steering.resets if steering else 0,
            )
            for endpoint in node.endpoints
        ]
    return targets


def first_at_each_address(targets: Iterable[Target]) -> tuple[Target, ...]:
    """Of two at one address the first stays: Envoy drops one too, and says nothing of which."""
    kept: dict[tuple[str, int], Target] = {}
    for target in targets:
        kept.setdefault((target.endpoint.host, target.endpoint.port), target)
    return tuple(kept.values())


def _condition(steering: Steering | None) -> Condition:
    if steering is None:
        return Condition.NORMAL
    if steering.circuit_open:
        return Condition.OPEN
    return Condition.DRAINING if steering.draining else Condition.NORMAL


def _admitted(world: World, resource: Resource) -> list[Node]:
    revoked = world.revoked(resource.organisation)
    return [node for node in _serving(world, resource) if node.enabled and node.spiffe_id not in revoked]


def _serving(world: World, resource: Resource) -> Iterable[Node]:
    nodes = world.nodes_of.get(resource.organisation, {})
    ids = resource.nodes or nodes
    return [nodes[node_id] for node_id in sorted(ids) if node_id in nodes]


def _misdescribed(world: World, resource: Resource, subject: str) -> Iterator[Problem]:
    if resource.upstreams:
        yield Problem(
            subject,
            "upstreams_of_partner",
            "expected nodes of the partner, got upstreams, which only our own resources have: ignored",
            "remove the upstreams",
        )
    nodes = world.nodes_of.get(resource.organisation, {})
    missing = [node_id for node_id in resource.nodes if node_id not in nodes]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        yield Problem(
            subject,
            "unknown_node",
            f"it names nodes that {resource.organisation} does not have: {', '.join(missing[:_NAMED])}{more}",
            "add the nodes, or take them out of the resource",
        )


def _conflicts(world: World, serving: Iterable[Node]) -> Iterator[Problem]:
    """Two nodes at one address: no danger, as each is held to its own anchors, but one must be wrong."""
    for node in serving:
        for endpoint in node.endpoints:
            holders = world.holders.of((endpoint.host, endpoint.port))
            if len(holders) > 1:
                others = "several other nodes" if len(holders) > 2 else min(holders - {node.key})  # noqa: PLR2004 - a pair has names
                yield Problem(
                    f"node {node.key}",
                    "address_conflict",
                    f"{endpoint.host} port {endpoint.port} is also the address of {others}",
                    "correct one of them; where the identity does not fit, every handshake fails",
                )
