"""What is asked of the audit as a whole: statistics."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The requests of one principal, or to and from one organisation."""

    name: str
    requests: int
    denied: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long requests took, in milliseconds; None when there were none."""

    p50: float | None
    p90: float | None
    p99: float | None
    longest: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What happened from ``since`` (included) to ``until`` (not); requests of both directions.

    ``principals`` and ``organisations`` are the ten with the most requests.
    """

    since: datetime
    until: datetime
    requests: int
    allowed: int
    denied: int
    failed: int
    limited: int  # of the denied ones
    bytes: int
    handshakes_failed: int
    gaps: int
    latency_ms: Latency
    principals: tuple[Share, ...]
    organisations: tuple[Share, ...]


class AuditStatistics(Protocol):
    """Every method raises UnavailableError when the database cannot be reached in time."""

    async def statistics(self, since: datetime, until: datetime) -> Statistics:
        """Count everything in this time."""
