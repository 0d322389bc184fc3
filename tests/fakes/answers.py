"""Kept answers in memory that pass the same contract suite as those in PostgreSQL; they undo no objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from control_plane.ports.answers import (
    AnswerKey,
    KeptAnswer,
    KeyInUseError,
    KeyReusedError,
    KeyUnfinishedError,
    Turn,
)


class FakeAnswerKeys:
    """Implements ports.answers.AnswerKeys."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[bytes, KeptAnswer | None]] = {}
        self._going: set[tuple[str, str]] = set()

    @asynccontextmanager
    async def together(self, key: AnswerKey) -> AsyncIterator[Turn]:
        async with self.apart(key, within=1) as turn:
            yield turn

    @asynccontextmanager
    async def apart(self, key: AnswerKey, *, within: float) -> AsyncIterator[Turn]:
        del within
        name = (key.principal, key.key)
        if name in self.kept:
            fingerprint, answer = self.kept[name]
            if fingerprint != key.fingerprint:
                raise KeyReusedError
            if name in self._going:
                raise KeyInUseError
            if answer is None:
                raise KeyUnfinishedError
            yield Turn(answer)
            return
        turn = Turn()
        self.kept[name] = (key.fingerprint, None)
        self._going.add(name)
        try:
            yield turn
            if turn.answer is None:
                del self.kept[name]
            else:
                self.kept[name] = (key.fingerprint, turn.answer)
        except BaseException:
            if not turn.unsure:
                del self.kept[name]
            raise
        finally:
            self._going.discard(name)
