"""What is seen of nodes, as a test wants it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from control_plane.model.circuit import Circuit
from control_plane.model.health import Finding, Sight
from control_plane.model.node import NodeStatus
from control_plane.model.problem import Problem


@dataclass
class FakeFitness:
    """Implements ports.fitness.Fitness with what a test puts in."""

    open: dict[str, Circuit] = field(default_factory=dict)

    def sights(self, node_key: str) -> Mapping[str, Sight]:
        circuit = self.open.get(node_key)
        return {"gw-1": Sight(circuits={"orders@x": circuit})} if circuit else {}

    def circuits(self) -> tuple[tuple[str, str, str, Circuit], ...]:
        return tuple((node, "gw-1", "orders@x", circuit) for node, circuit in self.open.items())

    def finding(self, node_key: str) -> Finding:
        if node_key in self.open:
            return Finding(NodeStatus.OFFLINE, "circuit_open")
        return Finding(NodeStatus.UNKNOWN, "nothing_seen")

    def lint(self) -> tuple[Problem, ...]:
        return (Problem("setting retries", "circuit_without_effect", "too many", "fewer"),)
