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

    async def until_published(self, seen: int, *, within: float) -> int:
        """How often a revision was published, as soon as it is not ``seen`` any more; or in ``within`` s."""

    def admission(self, node_key: str) -> Problem | None:
        """Why this node gets no traffic, or None when it is admitted."""
