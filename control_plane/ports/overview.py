"""What the running core can say about itself."""

from typing import Protocol

from control_plane.model.problem import Problem


class Overview(Protocol):
    """Cheap to ask; answers from memory."""

    @property
    def revision(self) -> int:
        """The store's revision that is published; 0 before the first."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything wrong with the objects, each with its reason."""

    def admission(self, node_key: str) -> Problem | None:
        """Why this node gets no traffic, or None when it is admitted."""
