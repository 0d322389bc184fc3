"""What is known of the sources themselves: how they fare, and that somebody wants them to look again.

Times are the database's. Every method raises UnavailableError when it cannot be reached, having changed
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from control_plane.model.problem import Problem
from control_plane.model.sighting import SourceKind

MAX_TOLD = 100  # refusals that are kept word by word of each source


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the last report of a source came to: ``nodes`` seen, and ``refused`` records with their codes.

    ``refused_by_code`` counts them all; ``refused`` are the first ones word by word.
    """

    nodes: int = 0
    left_out: int = 0
    refused_by_code: Mapping[str, int]
    refused: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """How a source fares. ``seen_at``: its last report of what it sees; ``lost_since``: None while it sees.

    ``looked_at``: when it reported last, whatever it was. ``asked_at``: when somebody wanted another look.
    """

    name: str
    kind: SourceKind
    seen_at: datetime | None
    lost_since: datetime | None
    reason: str  # why it cannot see
    findings: Findings
    looked_at: datetime | None = None
    asked_at: datetime | None = None

    @classmethod
    def silent(cls, name: str) -> "SourceState":
        """A source that has not said anything yet; its name says of which kind it is."""
        word = name.partition(":")[0]
        kind = SourceKind(word) if word in set(SourceKind) else SourceKind.PLUGIN
        nothing = Findings(refused_by_code={})
        return cls(name=name, kind=kind, seen_at=None, lost_since=None, reason="", findings=nothing)


class Sources(Protocol):
    """The states of all sources, whichever replica runs them."""

    async def all(self) -> list[SourceState]:
        """Every source that was ever followed and is not forgotten, by name."""

    async def seen(self, name: str, kind: SourceKind, findings: Findings) -> datetime:
        """Note a report of what a source sees, now; the time."""

    async def lost(self, name: str, kind: SourceKind, reason: str) -> datetime:
        """Note that a source cannot see, and why; since when that is so without a break."""

    async def ask(self, names: Sequence[str]) -> datetime:
        """Ask for another look of these sources, on whatever replica they run; the time."""

    async def forget(self, name: str) -> None:
        """Drop the state of a source that is followed no longer."""

    async def sweep(self, *, days: float) -> int:
        """Drop the traces of sightings that were withdrawn ``days`` ago; how many those were."""
