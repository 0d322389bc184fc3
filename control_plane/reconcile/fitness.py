"""What our gateways report of partners' nodes, kept by node: circuits, answers, failures, checks.

It is made of audit events, in whatever order and how often they arrive, and is lost with the process; the
events are not, and are read again at the start.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from control_plane.model import circuit as machine
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.breaker import lint
from control_plane.model.circuit import Circuit, CircuitState, Pace
from control_plane.model.health import Check, Facts, Finding, Sight, find
from control_plane.model.problem import Problem
from control_plane.model.steering import Steering
from control_plane.model.tuning import Tuning
from control_plane.translate.names import is_own_part

MAX_CIRCUITS = 256  # of one gateway and node that are kept; more resources than that share one
MAX_NODES = 100_000  # that are kept; beyond it the first one seen is forgotten
_SERVER_ERROR = 500

NodeAt = Callable[[str, str], str | None]
"""The key of the node at an address (``host:port``, as Envoy writes it) that serves a resource, or None."""


class Observations:
    """Implements ports.fitness.Fitness; ``take`` is called with every batch of events that was stored."""

    def __init__(
        self,
        tuning: Tuning,
        *,
        clock: Callable[[], float],
        node_at: NodeAt,
        steering: Mapping[str, Steering],
        silent: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._tuning = tuning
        self._pace = Pace(open=tuning.circuit_open, most=tuning.circuit_open_max)
        self._clock = clock
        self._node_at = node_at
        self._steering = steering
        self._silent = silent
        self._nodes: dict[str, dict[str, Sight]] = {}  # by node, then by gateway

    def take(self, events: Iterable[AuditEvent]) -> None:
        """Learn from what gateways report; what tells nothing of a node is passed over."""
        for event in events:
            match event.event_type:
                case EventType.CROSS_ORG_REQUEST if event.direction == "egress" and "@" in event.target_node:
                    self._request(event)
                case EventType.CIRCUIT_OPENED | EventType.CIRCUIT_CLOSED:
                    self._circuit(event)
                case EventType.NODE_CHECKED if event.target_node:
                    self._check(event)
                case _:
                    pass

    def sights(self, node_key: str) -> Mapping[str, Sight]:
        """What each gateway saw of this node, with its circuits as they are now."""
        steering, now = self._steering.get(node_key), self._clock()
        seen = self._nodes.get(node_key, {})
        return {gateway: self._now(sight, steering, now) for gateway, sight in sorted(seen.items())}

    def circuits(self) -> tuple[tuple[str, str, str, Circuit], ...]:
        """Every circuit that is not closed."""
        now, found = self._clock(), []
        for node, seen in sorted(self._nodes.items()):
            steering = self._steering.get(node)
            for gateway, sight in sorted(seen.items()):
                for resource, circuit in sorted(self._circuits(sight, steering, now).items()):
                    if circuit.state is not CircuitState.CLOSED:
                        found.append((node, gateway, resource, circuit))
        return tuple(found)

    def held_open(self) -> tuple[Steering, ...]:
        """What operators opened by hand."""
        return tuple(one for _, one in sorted(self._steering.items()) if one.circuit_open)

    def finding(self, node_key: str) -> Finding:
        """Whether this node can be reached, and why we think so."""
        steering = self._steering.get(node_key)
        facts = Facts(
            sights=self.sights(node_key),
            held_open=steering is not None and steering.circuit_open,
            draining=steering is not None and steering.draining,
            silent=self._silent(node_key.rpartition("@")[2]),
        )
        return find(facts, self._clock())

    def lint(self) -> tuple[Problem, ...]:
        """Settings that take the circuit breaker's effect away."""
        return lint(self._tuning)

    def _request(self, event: AuditEvent) -> None:
        at = event.timestamp.timestamp()
        sight = self._sight(event.target_node, event.reporter)
        failed = event.decision == "failed" or (event.status or 0) >= _SERVER_ERROR
        if failed:
            if at > sight.failed:
                sight = replace(sight, failed=at, reason=event.reason)
        else:
            circuits = sight.circuits
            if (known := circuits.get(event.resource)) is not None:
                circuits = {**circuits, event.resource: machine.answered(known, at)}
            sight = replace(sight, answered=max(at, sight.answered), circuits=circuits)
        self._nodes[event.target_node][event.reporter] = sight

    def _circuit(self, event: AuditEvent) -> None:
        if is_own_part(event.metadata.get("cluster_name", "")):
            return  # a service of ours, which is no node
        node = self._node_at(event.metadata.get("upstream_url", ""), event.resource)
        if node is None:
            return
        sight, at = self._sight(node, event.reporter), event.timestamp.timestamp()
        circuit = sight.circuits.get(event.resource, machine.CLOSED)
        if event.event_type is EventType.CIRCUIT_CLOSED:
            circuit = machine.returned(circuit, at, pace=self._pace)
        else:
            times = event.metadata.get("num_ejections", "")
            openings = int(times) if times.isdecimal() else 1
            circuit = machine.opened(circuit, at, event.reason, openings, pace=self._pace)
        circuits = {**sight.circuits, event.resource: circuit}
        if len(circuits) > MAX_CIRCUITS:
            circuits = {name: one for name, one in circuits.items() if one.state is not CircuitState.CLOSED}
        self._nodes[node][event.reporter] = replace(sight, circuits=circuits)

    def _check(self, event: AuditEvent) -> None:
        at, passes = event.timestamp.timestamp(), event.decision == "allowed"
        sight = self._sight(event.target_node, event.reporter)
        if sight.check is None or at >= sight.check.since:
            check = Check(passes=passes, since=at, reason=event.reason)
            self._nodes[event.target_node][event.reporter] = replace(sight, check=check)

    def _sight(self, node: str, gateway: str) -> Sight:
        if node not in self._nodes and len(self._nodes) >= MAX_NODES:
            self._nodes.pop(next(iter(self._nodes)))
        return self._nodes.setdefault(node, {}).setdefault(gateway, Sight())

    def _now(self, sight: Sight, steering: Steering | None, now: float) -> Sight:
        return replace(sight, circuits=self._circuits(sight, steering, now))

    def _circuits(self, sight: Sight, steering: Steering | None, now: float) -> dict[str, Circuit]:
        circuits = {}
        for resource, circuit in sight.circuits.items():
            told = machine.reset(circuit, steering.reset_at) if steering and steering.reset_at else circuit
            circuits[resource] = machine.as_of(told, now, pace=self._pace)
        return circuits
