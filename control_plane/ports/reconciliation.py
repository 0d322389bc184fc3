"""What comparing the audit with partners needs of the database, and of itself.

Every method raises UnavailableError when the database cannot be reached, having changed nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from control_plane.chain.record_set import RecordSet
from control_plane.model.audit import AuditEvent
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem
from control_plane.model.reconciliation import Difference, Interval, Reconciliation

MAX_ROWS = 2_000_000  # of one comparison; a longer time is compared in parts

ReadSoFar = Callable[[int, datetime], None]
"""Is told how many rows were read, and of which time the last one is."""


@dataclass(frozen=True, slots=True)
class Span:
    """The crossings between us and one partner in an interval."""

    own: TrustDomain
    partner: TrustDomain
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the comparison with one partner stands: its last report, and what is open of all of them.

    ``compared_until`` is how far scheduled ones have come; None: none has ended yet.
    """

    organisation: TrustDomain
    at: datetime
    agrees: bool
    error: str
    open: int
    compared_until: datetime | None


class Stage(StrEnum):
    """What a comparison does just now."""

    WAITING = "waiting"  # for another one with the same partner
    ASKING = "asking"  # whether the partner compares, and which fields
    READING = "reading"  # rows, on both sides
    COMPARING = "comparing"  # what was read
    NAMING = "naming"  # what differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A comparison that goes on: the share of the time that is read, and the rows of both sides so far.

    ``theirs`` is what the partner says of its rows. ``named`` of ``to_name`` differences are looked up.
    """

    organisation: TrustDomain
    interval: Interval
    actor: str
    started_at: datetime
    stage: Stage
    share: float
    ours: int
    theirs: int
    named: int
    to_name: int


class Crossings(Protocol):
    """The audit, seen as crossings. Nothing that concerns others than ``partner`` and us is ever in it."""

    async def records(
        self, span: Span, key: bytes, fields: Sequence[str], *, progress: ReadSoFar | None = None
    ) -> RecordSet:
        """The items of all crossings; InvalidValueError ``too_many_rows`` beyond MAX_ROWS."""

    async def named(self, span: Span, key: bytes, hashes: Sequence[bytes]) -> list[AuditEvent]:
        """The rows of the span whose correlation id's hash is one of ``hashes``; the last row of each id."""

    async def known(self, partner: TrustDomain, ids: Sequence[str]) -> list[AuditEvent]:
        """The last row of each of these correlation ids, at any time, whether it crossed or not."""


class Reconciliations(Protocol):
    """The reports, and the differences that are still open."""

    async def keep(self, report: Reconciliation, *, settled: Sequence[str] = ()) -> None:
        """Store a report; its differences are open from now on, those with ``settled`` ids not any more."""

    async def page(
        self, *, organisation: TrustDomain | None = None, after: str = "", limit: int = 100
    ) -> list[Reconciliation]:
        """Reports without their differences, newest first; ``after`` is the id of the last one seen."""

    async def get(self, report_id: str) -> Reconciliation | None:
        """One report, with its differences."""

    async def open(self, organisation: TrustDomain, *, limit: int) -> list[Difference]:
        """Differences that have not been settled, oldest first."""

    async def standings(self) -> list[Standing]:
        """How it stands with each partner that there is a report about, by name."""


class Reconciling(Protocol):
    """Comparing on demand, for operators."""

    async def reconcile(self, organisation: TrustDomain, interval: Interval, *, actor: str) -> Reconciliation:
        """Compare now, and keep the report; what the partner refuses or does not answer is its ``error``.

        Raises InvalidValueError ``unknown_partner`` or ``partner_revoked``, and UnavailableError.
        """

    def running(self) -> tuple[Running, ...]:
        """The comparisons that go on in this process."""

    async def problems(self) -> tuple[Problem, ...]:
        """Each partner whose audit differs from ours, or could not be compared for some time."""
