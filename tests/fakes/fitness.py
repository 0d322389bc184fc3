"""What is seen of nodes, as a test wants it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from control_plane.model.circuit import Circuit
from control_plane.model.health import Finding, Sight
from control_plane.model.node import NodeStatus
from control_plane.model.problem import Problem
from control_plane.model.steering import Steering


@dataclass
class FakeFitness:
    """Implements ports.fitness.Fitness with what a test puts in."""

    open: dict[str, Circuit] = field(default_factory=dict)
    held: tuple[Steering, ...] = ()
    answered: dict[str, float] = field(default_factory=dict)  # when a node last did
    unseen: dict[str, str] = field(default_factory=dict)  # why nothing is known of a node

    def sights(self, node_key: str) -> Mapping[str, Sight]:
        circuit, answered = self.open.get(node_key), self.answered.get(node_key, 0.0)
        if circuit is None and not answered:
            return {}
        return {"gw-1": Sight(answered=answered, circuits={"orders@x": circuit} if circuit else {})}

    def circuits(self) -> tuple[tuple[str, str, str, Circuit], ...]:
        return tuple((node, "gw-1", "orders@x", circuit) for node, circuit in self.open.items())

    def held_open(self) -> tuple[Steering, ...]:
        return self.held

    def finding(self, node_key: str) -> Finding:
        if node_key in self.open:
            return Finding(NodeStatus.OFFLINE, "circuit_open")
        return Finding(NodeStatus.UNKNOWN, self.unseen.get(node_key, "nothing_seen"))

    def lint(self) -> tuple[Problem, ...]:
        return (Problem("setting retries", "circuit_without_effect", "too many", "fewer"),)
