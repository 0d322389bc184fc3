"""What shadow grants would have allowed, counted from the audit."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ShadowCount:
    """Requests that a shadow grant would have allowed; ``denied`` of them were, by the rules in force."""

    would_allow: int
    denied: int
    last: datetime | None


class ShadowCounts(Protocol):
    """Raises UnavailableError when the database cannot be reached."""

    async def count(self, grant: str, resource: str, *, since: datetime) -> ShadowCount:
        """For the grant with this id, at the resource ``name@organisation`` that it is for."""
