"""What is asked of the audit as a whole: statistics, what is new, and exports with their proof."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from control_plane.model.audit import AuditEvent
from control_plane.ports.audit import AuditQuery


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


@dataclass(frozen=True, slots=True)
class Numbered:
    """A row with its number in the log, from 0."""

    number: int
    event: AuditEvent


@dataclass(frozen=True, slots=True)
class Followed:
    """What was sealed after a number; ``next`` is where to go on, also when nothing matched."""

    rows: tuple[Numbered, ...]
    next: int


@dataclass(frozen=True, slots=True)
class Begin:
    """A part of the log begins, where a head was: its tree (chain/tree.py ``Frontier.packed``)."""

    size: int
    frontier: bytes


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that are not shown: nodes (level, hash) of the tree that stand for them."""

    nodes: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Proven:
    """The part ends at a signed head."""

    size: int
    signed: bytes


Exported = Begin | Numbered | LeftOut | Proven


class AuditFollowing(Protocol):
    """The sealed rows in the order of the log; raises UnavailableError."""

    async def end(self) -> int:
        """How many rows are sealed."""

    async def follow(self, after: int, *, query: AuditQuery) -> Followed:
        """At most ``query.limit`` rows that match from number ``after`` on, at once."""

    async def matching(self, query: AuditQuery) -> Sequence[int] | None:
        """The numbers of all sealed rows that match, in order; None: they are too many to be held."""

    def export(self, numbers: Sequence[int]) -> AsyncIterator[Exported]:
        """These rows with all that proves them: parts of the log, each from Begin to Proven."""

    def walk(self, query: AuditQuery) -> AsyncIterator[Exported]:
        """All rows that match with all that proves them, however many."""
