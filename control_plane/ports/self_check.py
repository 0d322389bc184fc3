"""What a check asks of the database itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """``now`` is the server's clock; ``seconds`` are how long it took to answer."""

    version: str
    now: datetime
    seconds: float
    connections: int
    connections_most: int


class DatabaseLook(Protocol):
    """One look."""

    async def look(self) -> DatabaseFacts:
        """Ask now. Raises UnavailableError when there is no answer."""
