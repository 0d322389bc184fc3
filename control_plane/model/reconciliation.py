"""Two organisations' records of the same requests, compared: what is compared, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError

FIELDS = ("caller", "method", "outcome", "path", "principal", "resource")
"""What both gateways know of a crossing, in the order in which it is hashed."""

UNANSWERED = "none"
"""The ``outcome`` of a request whose answer this side did not see whole; otherwise it is the HTTP status."""


class Outcome(StrEnum):
    """What the comparison says of one crossing."""

    MATCHED = "matched"
    ONLY_OURS = "only_ours"
    ONLY_THEIRS = "only_theirs"
    DIFFERING = "differing"
    LATE = "late"  # the same on both sides, but one side had it only later, or at another time


@dataclass(frozen=True, slots=True)
class Interval:
    """Crossings from ``since`` (included) to ``until`` (not)."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.since.tzinfo is None or self.until.tzinfo is None or self.since >= self.until:
            raise InvalidValueError(
                "bad_interval",
                f"expected a time before another, with zones, got {self.since} and {self.until}",
            )

    def halves(self) -> tuple["Interval", "Interval"]:
        """The same time in two parts."""
        middle = self.since + (self.until - self.since) / 2
        return Interval(self.since, middle), Interval(middle, self.until)


@dataclass(frozen=True, slots=True)
class Crossing:
    """One request between two organisations as one side recorded it; ``values`` has one for each of FIELDS.

    Values are in the clear, or (of a partner that keeps them at home) keyed hashes: ``chain.crossing``.
    """

    correlation_id: str
    timestamp: datetime
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One crossing about which the two sides do not say the same. ``fields`` are those that differ."""

    correlation_id: str
    outcome: Outcome
    timestamp: datetime
    fields: tuple[str, ...] = ()
    ours: Mapping[str, str] = field(default_factory=dict)  # empty: we have no row
    theirs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """A stored comparison with one partner. ``error`` says why it could not be made, or not to its end.

    ``unanswered`` of the matched ones have an answer on one side only. ``complete`` false: more differs than
    ``differences`` names. ``bytes`` and ``messages`` count both ways.
    """

    id: str
    organisation: TrustDomain
    interval: Interval
    started_at: datetime
    seconds: float
    actor: str  # who asked for it; ``schedule``
    ours: int = 0
    theirs: int = 0
    matched: int = 0
    unanswered: int = 0
    only_ours: int = 0
    only_theirs: int = 0
    differing: int = 0
    late: int = 0
    complete: bool = True
    bytes: int = 0
    messages: int = 0
    error: str = ""
    differences: tuple[Difference, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether both sides say the same of every crossing."""
        return not (self.error or self.only_ours or self.only_theirs or self.differing) and self.complete
