"""The record sets of the comparisons that partners are making: read once, and asked often for a short time.

Reading may take longer than a partner waits for one answer, so it goes on by itself; it is bounded in number,
in how often a partner may begin one, and in rows (by the store).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from control_plane.chain.record_set import RecordSet
from control_plane.model.identity import TrustDomain
from control_plane.model.reconciliation import Interval
from control_plane.peering.pace import Pace
from control_plane.peering.refusal import RefusedError
from control_plane.ports.reconciliation import ReadSoFar

SLOTS = 4  # record sets held at once: 32 bytes a row, at most MAX_ROWS each
IDLE = 60.0  # seconds after its last use in which a set keeps its place
PATIENCE = 8.0  # seconds that an answer waits for the rows
_RATE, _BURST = 0.5, 60  # readings a second, of one partner


class Wanted(NamedTuple):
    """Which crossings, and how they are hashed."""

    partner: TrustDomain
    interval: Interval
    key: bytes
    fields: tuple[str, ...]


@dataclass(slots=True)
class _Held:
    task: asyncio.Task[RecordSet]
    used: float
    rows: int = 0  # that were read so far

    def read(self, rows: int, _: datetime) -> None:
        self.rows = rows


class Shelf:
    """``read`` makes a record set; ``close`` ends what is being read."""

    def __init__(self, read: Callable[[Wanted, ReadSoFar], Awaitable[RecordSet]]) -> None:
        self._read = read
        self._held: dict[Wanted, _Held] = {}
        self._pace = Pace(_RATE, _BURST)

    def admit(self, partner: TrustDomain) -> None:
        """Raise RefusedError ``too_many_comparisons`` when a partner makes us read too often."""
        if not self._pace.admits(partner, self._now()):
            raise RefusedError(
                "too_many_comparisons", f"expected fewer comparisons a minute of {partner}, got more"
            )

    async def get(self, wanted: Wanted) -> RecordSet | None:
        """The set, or None when it takes longer. Raises ``too_many_comparisons``, or as ``read``."""
        held = self._held.get(wanted)
        if held is None:
            self.admit(wanted.partner)
            self._make_room(wanted.partner)
            held = self._held[wanted] = self._begun(wanted)
        held.used = self._now()
        done, _ = await asyncio.wait([held.task], timeout=PATIENCE)
        if not done:
            return None
        if held.task.cancelled():
            raise RefusedError("too_many_comparisons", "another comparison took the place of this one")
        if held.task.exception():
            self._held.pop(wanted, None)
        return held.task.result()

    def close(self) -> None:
        """Forget everything."""
        for held in self._held.values():
            held.task.cancel()
        self._held.clear()

    def rows(self, wanted: Wanted) -> int:
        """How many rows of a set were read so far."""
        held = self._held.get(wanted)
        return held.rows if held else 0

    def _begun(self, wanted: Wanted) -> _Held:
        async def whole() -> RecordSet:
            return await self._read(wanted, held.read)

        task = asyncio.create_task(whole(), name=f"records for {wanted.partner}")
        held = _Held(task, self._now())  # it is made before the task has its first turn
        return held

    def _make_room(self, partner: TrustDomain) -> None:
        """A partner's new comparison takes the place of its last one; otherwise one that is idle must go."""
        for other in [other for other in self._held if other.partner == partner]:
            self._held.pop(other).task.cancel()
        if len(self._held) < SLOTS:
            return
        oldest = min(self._held, key=lambda other: self._held[other].used)
        if self._now() - self._held[oldest].used < IDLE:
            raise RefusedError(
                "too_many_comparisons", f"expected at most {SLOTS} comparisons at once, got more"
            )
        self._held.pop(oldest).task.cancel()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
