"""A discovery source: it says all that it sees, or that it cannot see. The two are never the same.

Third parties provide one by the entry point ``proxenia.sources``. ``tests/contract`` has the suite that each
source has to pass.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from control_plane.model.problem import Problem
from control_plane.model.sighting import Candidate, SourceKind

MAX_SILENCE = 300.0  # seconds without a report after which a source counts as lost, and is started again
MAX_CANDIDATES = 20_000  # nodes of one source; what is beyond is counted, not kept


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that the source sees now, perhaps nothing, in an order that only depends on what it is.

    ``refused`` are records that could not even be read (each with its code), ``left_out`` how many were
    beyond the source's limit. Two looks at the same world give equal reports.
    """

    candidates: tuple[Candidate, ...]
    refused: tuple[Problem, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Lost:
    """The source cannot see: what it said before still stands. ``reason`` is one clause for an operator."""

    reason: str


Report = Seen | Lost


class Source(Protocol):
    """One place to look at. Both methods raise nothing but cancellation, and end within a second of it."""

    @property
    def kind(self) -> SourceKind:
        """What sort of source this is."""

    @property
    def name(self) -> str:
        """Unique among the sources of a deployment: the kind, or ``<kind>:<what it looks at>``."""

    def reports(self) -> AsyncIterator[Report]:
        """Yield a report at once, and then a new one whenever it looked again; never ends by itself.

        A confirmation (a report equal to the one before) is a report too: it renews what was said. There is
        one at least every ``MAX_SILENCE / 2`` seconds, also where nothing happens.
        """

    def look(self) -> None:
        """Look again as soon as possible instead of waiting for the next time; returns at once."""
