"""How much passed, minute by minute: what the dashboard draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

MAX_PARTNERS = 200  # of one minute: those with the most requests


@dataclass(frozen=True, slots=True)
class Count:
    """Requests, and how many of them were denied, or failed."""

    requests: int = 0
    denied: int = 0
    failed: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.requests + other.requests, self.denied + other.denied, self.failed + other.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """The minute that begins ``at``; how long requests took is in milliseconds, None when unknown."""

    at: datetime
    count: Count
    p50: float | None
    p99: float | None
    partners: Mapping[str, Count]


class TrafficMinutes(Protocol):
    """Requests of both directions, from the audit."""

    async def minutes(self, since: datetime, until: datetime) -> Sequence[Minute]:
        """Every minute with requests, in order; both ends are whole minutes. Raises UnavailableError."""
