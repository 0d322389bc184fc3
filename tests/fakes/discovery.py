"""How sources fare, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from control_plane.model.sighting import SourceKind
from control_plane.ports.discovery import MAX_TOLD, Findings, SourceState
from control_plane.ports.errors import UnavailableError

NOTHING = Findings(refused_by_code={})


def _now() -> datetime:
    return datetime.now(UTC)


def _nobody() -> None:
    """Nobody waits for requests."""


class FakeSources:
    """Implements ports.discovery.Sources. Set ``down`` to make every call raise UnavailableError."""

    def __init__(self, *, now: Callable[[], datetime] = _now, wake: Callable[[], None] = _nobody) -> None:
        self.down = False
        self.prompt = False  # every source has seen nothing as soon as it is asked
        self.notes = 0  # how often something was written
        self._now = now
        self._wake = wake
        self._states: dict[str, SourceState] = {}

    async def all(self) -> list[SourceState]:
        self._reach()
        return [self._states[name] for name in sorted(self._states)]

    async def seen(self, name: str, kind: SourceKind, findings: Findings) -> datetime:
        self._reach()
        now = self._now()
        findings = replace(findings, refused=findings.refused[:MAX_TOLD])
        self._put(
            replace(
                self._state(name, kind),
                seen_at=now,
                looked_at=now,
                lost_since=None,
                reason="",
                findings=findings,
            )
        )
        return now

    async def lost(self, name: str, kind: SourceKind, reason: str) -> datetime:
        self._reach()
        state, now = self._state(name, kind), self._now()
        since = state.lost_since or now
        self._put(replace(state, looked_at=now, lost_since=since, reason=reason))
        return since

    async def ask(self, names: Sequence[str]) -> datetime:
        self._reach()
        now = self._now()
        for name in names:
            if name in self._states:
                self._states[name] = replace(self._states[name], asked_at=now)
            if self.prompt:
                await self.seen(name, SourceKind.CONSUL, NOTHING)
        self._wake()
        return now

    async def forget(self, name: str) -> None:
        self._reach()
        self._states.pop(name, None)

    async def sweep(self, *, days: float) -> int:
        self._reach()
        return int(days * 0)

    def _reach(self) -> None:
        if self.down:
            raise UnavailableError("the database does not answer: it was told to be down")

    def _state(self, name: str, kind: SourceKind) -> SourceState:
        empty = SourceState(name=name, kind=kind, seen_at=None, lost_since=None, reason="", findings=NOTHING)
        return replace(self._states.get(name, empty), kind=kind)

    def _put(self, state: SourceState) -> None:
        self.notes += 1
        self._states[state.name] = state
