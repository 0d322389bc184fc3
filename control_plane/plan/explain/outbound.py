"""One of our applications calls a partner's resource: why it does not get through."""

from collections.abc import Iterator, Mapping, Sequence

from control_plane.kit.counted import many
from control_plane.model.explanation import Explanation, Facts, LiveHost, Stage
from control_plane.model.federation import Condition, Import, Target
from control_plane.model.identity import TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.problem import Problem
from control_plane.model.resource import Resource
from control_plane.plan.explain import stages
from control_plane.plan.explain.trail import Check, Found, Unknown, walk
from control_plane.plan.imports import plan_import
from control_plane.plan.world import World

_OUTLIER = "failed_outlier_check"  # Envoy's admin interface, /clusters
_SICK = ("failed_active_health_check", "failed_eds_health")


def explain(world: World, facts: Facts, key: str, *, node: str = "") -> Explanation:
    """Walk from the resource to the limit; of all nodes, or of the one with the key ``node``."""
    return walk(f"{key} by {node}" if node else key, _checks(world, facts, key, node))


def _checks(world: World, facts: Facts, key: str, node: str) -> Iterator[Check]:
    resource = world.resources.get(key)
    if resource is None or resource.organisation == world.own:
        yield Stage.RESOURCE, lambda: _unknown(world, key)
        return
    organisation = resource.organisation
    nodes = [each for each in _serving(world, resource) if node in {"", each.key}]
    planned = plan_import(world, key)[0]
    yield Stage.RESOURCE, lambda: f"{key} is known"
    yield Stage.SIGHTING, lambda: _sighting(facts, organisation, nodes, node)
    yield Stage.AGREEMENT, lambda: stages.agreement(world, organisation)
    yield Stage.TRUST, lambda: stages.trust(world, facts, organisation)
    yield (
        Stage.GRANT,
        lambda: Unknown(f"what is granted to us, {organisation} knows"),
    )
    yield Stage.GATEWAY, lambda: stages.gateways(facts)
    yield Stage.ROUTE, lambda: stages.taken(facts, ("egress",))
    cluster = f"to/{resource.host}"
    yield Stage.CLUSTER, lambda: on_gateway(facts, cluster)
    yield Stage.ENDPOINTS, lambda: _endpoints(world, planned, nodes)
    yield Stage.CIRCUIT, lambda: _circuit(facts, planned, key, nodes)
    yield Stage.LIMIT, lambda: stages.limit(facts, key)


def _unknown(world: World, key: str) -> Problem:
    name, _, organisation = key.partition("@")
    offered = sorted(each.partition("@")[0] for each in world.catalogue.of(TrustDomain(organisation)))
    known = f"; known of {organisation}: {', '.join(offered[:5])}" if offered else ""
    return Problem(
        f"resource {key}",
        "unknown_resource",
        f"we know no {name} of {organisation}{known}: callers get 404",
        "correct the name (proxenia resource list), or add the resource",
    )


def _serving(world: World, resource: Resource) -> list[Node]:
    nodes = world.nodes_of.get(resource.organisation, {})
    return [nodes[node_id] for node_id in sorted(resource.nodes or nodes) if node_id in nodes]


def _sighting(facts: Facts, organisation: str, nodes: Sequence[Node], wanted: str) -> Found:
    lost = {fact.subject: fact for fact in facts.lost}
    missing = [lost[node.key] for node in nodes if node.key in lost]
    if nodes and len(missing) < len(nodes):
        return f"we know {many(len(nodes), 'node')} of {organisation}"
    gone = missing[0] if missing else lost.get(wanted) or lost.get(organisation)
    if gone is not None:
        return Problem(
            f"node {gone.subject}",
            "name_gone",
            f"{gone.source} does not see {gone.subject} any more: {gone.reason}",
            "ask the partner whether its entry was removed, or add the node by hand",
        )
    detail = f"no node of {organisation} serves it: callers get 503"
    return Problem(f"organisation {organisation}", "no_node", detail, "add a node")


def on_gateway(facts: Facts, cluster: str) -> Found:
    """Whether the gateways have this cluster, and refused nothing of it."""
    if facts.live is not None and cluster not in {each.name for each in facts.live.clusters}:
        return Problem(
            f"gateway {facts.live.gateway}",
            "not_on_gateway",
            f"the running Envoy of {facts.live.gateway} has no cluster {cluster}",
            "look at proxenia diff: it may be on its way, or refused",
        )
    return stages.taken(facts, (cluster,))


def _endpoints(world: World, planned: Import | None, nodes: Sequence[Node]) -> Found:
    faults = [world.admission(node.key) for node in nodes]
    if faults and all(faults):
        return next(fault for fault in faults if fault)
    usable = {node.node_id for node, fault in zip(nodes, faults, strict=True) if not fault}
    targets = [target for target in planned.targets if target.node_id in usable] if planned else []
    if not targets:
        return Problem("nodes", "no_node", "no enabled node serves it: callers get 503", "enable a node")
    return drained(targets) or f"{many(len(targets), 'address')} of {many(len(usable), 'node')}"


def drained(targets: Sequence[Target]) -> Problem | None:
    """That nothing new is sent to any of these, unless it is."""
    if any(target.condition is not Condition.DRAINING for target in targets):
        return None
    named = ", ".join(sorted({str(target.node_id) for target in targets})[:5])
    return Problem(
        f"node {targets[0].node_id}@{targets[0].organisation}",
        "node_drained",
        f"all nodes that serve it are being drained: {named}",
        f"proxenia node undrain {targets[0].node_id}@{targets[0].organisation}",
    )


def _circuit(facts: Facts, planned: Import | None, key: str, nodes: Sequence[Node]) -> Found:
    wanted = {node.node_id for node in nodes}
    targets = [target for target in planned.targets if target.node_id in wanted] if planned else []
    return circuits(facts, key, targets)


def circuits(facts: Facts, key: str, targets: Sequence[Target], services: Sequence[Endpoint] = ()) -> Found:
    """Whether any of these addresses may be used; ``services`` are our own, which nobody opens by hand."""
    by_hand = {_address(t.endpoint) for t in targets if t.condition is Condition.OPEN}
    opened = {fact.address: fact for fact in facts.circuits if fact.resource == key}
    live = _live(facts, key)
    addresses = [_address(each) for each in (*services, *(target.endpoint for target in targets))]
    closed = [each for each in addresses if each not in by_hand and not _is_open(each, opened, live)]
    if closed or not addresses:
        return f"{many(len(closed), 'circuit')} of {len(addresses)} may be used"
    first = addresses[0]
    why = "by hand" if first in by_hand else opened[first].reason if first in opened else "by failures"
    since = f" since {opened[first].since:%Y-%m-%d %H:%M:%S} UTC" if first in opened else ""
    return Problem(
        f"resource {key}",
        "circuit_open",
        f"the circuit to every address is open ({many(len(addresses), 'address')}, the first {why}{since}):"
        " callers get 503",
        "see why the partner's nodes fail; it closes by itself, or by proxenia circuit reset",
    )


def _live(facts: Facts, key: str) -> dict[str, LiveHost] | None:
    if facts.live is None:
        return None
    name, _, organisation = key.partition("@")
    host, parts = f"to/{name}.{organisation}", f"group/{name}.{organisation}/"
    chosen = [each for each in facts.live.clusters if each.name == host or each.name.startswith(parts)]
    return {host.address: host for each in chosen for host in each.hosts}


def _is_open(address: str, opened: Mapping[str, object], live: dict[str, LiveHost] | None) -> bool:
    """What the running Envoy says now counts more than what was written down."""
    if live is not None and address in live:
        return _OUTLIER in live[address].flags or any(flag in _SICK for flag in live[address].flags)
    return address in opened


def _address(endpoint: Endpoint) -> str:
    host, port = endpoint.host, endpoint.port
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
