"""What is seen of partners' nodes: circuits, and whether they can be reached."""

from collections.abc import Mapping
from typing import Protocol

from control_plane.model.circuit import Circuit
from control_plane.model.health import Finding, Sight
from control_plane.model.problem import Problem
from control_plane.model.steering import Steering


class Fitness(Protocol):
    """Cheap to ask; answers from memory. Times are Unix times in seconds."""

    def sights(self, node_key: str) -> Mapping[str, Sight]:
        """What each gateway saw of this node, with its circuits as they are now."""

    def circuits(self) -> tuple[tuple[str, str, str, Circuit], ...]:
        """Every circuit that is not closed, as node, gateway, resource and circuit, in this order."""

    def held_open(self) -> tuple[Steering, ...]:
        """What operators opened by hand, and did not reset; in the order of the nodes' keys."""

    def finding(self, node_key: str) -> Finding:
        """Whether this node can be reached, and why we think so."""

    def lint(self) -> tuple[Problem, ...]:
        """Settings that take the circuit breaker's effect away."""
