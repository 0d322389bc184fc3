"""An in-memory store of objects that passes the same contract suite as the PostgreSQL one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from control_plane.model.change import Change, Item, Kind, Value
from control_plane.model.problem import InvalidValueError
from control_plane.ports.errors import ConflictError, MissingError, UnavailableError
from control_plane.ports.objects import Mode, Stored, Write
from control_plane.store import codec


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Value | None
    revision: int
    created_at: datetime
    updated_at: datetime


class FakeObjects:
    """Implements ports.objects.Objects. Set ``down`` to make every call raise UnavailableError."""

    def __init__(self, *, now: Callable[[], datetime] = _now) -> None:
        self.down = False
        self.actors: list[str] = []  # of the writes that changed something
        self.revision = 0
        self._now = now
        self._entries: dict[tuple[Kind, str], _Entry] = {}
        self.past: list[tuple[Kind, str, int, datetime]] = []
        self._values: dict[tuple[Kind, str, int], Value | None] = {}
        self._followers: set[asyncio.Event] = set()

    async def write(self, writes: Sequence[Write], *, actor: str) -> int:
        self.reach()
        _refuse_repetition(writes)
        for write in writes:
            _check_shape(write)
        for write in writes:
            self._check(write)
        differing = [write for write in writes if self._value(write.kind, write.key) != write.value]
        if differing:
            self.revision += 1
            self.actors.append(actor)
            for write in differing:
                self._apply(write)
            self.wake()
        return self.revision

    def wake(self) -> None:
        """Let all followers look, as a notification does."""
        for follower in self._followers:
            follower.set()

    async def get(self, kind: Kind, key: str) -> Stored | None:
        self.reach()
        entry = self._entries.get((kind, key))
        return None if entry is None else _stored(kind, key, entry)

    async def many(self, kind: Kind, keys: Collection[str]) -> dict[str, Stored]:
        found = {key: await self.get(kind, key) for key in keys}
        return {key: stored for key, stored in found.items() if stored is not None}

    async def page(
        self, kind: Kind, *, after: str = "", limit: int = 100, organisation: str = ""
    ) -> list[Stored]:
        self.reach()
        of_kind = sorted((key.encode(), key) for found, key in self._entries if found is kind)
        found: list[Stored] = []
        for encoded, key in of_kind:
            stored = _stored(kind, key, self._entries[kind, key])
            if stored is None or encoded <= after.encode() or len(found) >= limit:
                continue
            if organisation in {"", codec.organisation_of(stored.value)}:
                found.append(stored)
        return found

    async def changes(self, since: int, *, kinds: Collection[Kind] = ()) -> Change:
        self.reach()
        items = (
            Item(kind, key, entry.value)
            for (kind, key), entry in self._entries.items()
            if entry.revision > since and (since > 0 or entry.value is not None)
            if not kinds or kind in kinds
        )
        return Change(self.revision, tuple(items))

    async def wakeups(self) -> AsyncIterator[None]:
        event = asyncio.Event()
        event.set()
        self._followers.add(event)
        try:
            while True:
                try:
                    async with asyncio.timeout(5):
                        await event.wait()
                except TimeoutError:
                    pass  # nothing happened: wake up all the same
                event.clear()
                yield
        finally:
            self._followers.discard(event)

    def reach(self) -> None:
        if self.down:
            raise UnavailableError("the database does not answer: it was told to be down")

    def _value(self, kind: Kind, key: str) -> Value | None:
        entry = self._entries.get((kind, key))
        return None if entry is None else entry.value

    def _check(self, write: Write) -> None:
        name = f"{write.kind} {write.key}"
        entry = self._entries.get((write.kind, write.key))
        present = entry is not None and entry.value is not None
        revision = entry.revision if entry is not None and present else 0
        if write.mode is Mode.CREATE and present:
            raise ConflictError(f"{name} exists already")
        if write.mode in {Mode.REPLACE, Mode.DELETE} and not present:
            raise MissingError(f"there is no {name}")
        if write.expected is not None and write.expected != revision:
            raise ConflictError(f"expected {name} at revision {write.expected}, got {revision}")

    def _apply(self, write: Write) -> None:
        now = self._now()
        before = self._entries.get((write.kind, write.key))
        created = now if before is None or before.value is None else before.created_at
        self._entries[write.kind, write.key] = _Entry(write.value, self.revision, created, now)
        self.past.append((write.kind, write.key, self.revision, now))
        self._values[write.kind, write.key, self.revision] = write.value

    def value_at(self, kind: Kind, key: str, revision: int) -> Value | None:
        """What the object was at ``revision``."""
        known = [r for k, name, r, _ in self.past if (k, name) == (kind, key) and r <= revision]
        return self._values[kind, key, max(known)] if known else None


def _refuse_repetition(writes: Sequence[Write]) -> None:
    if len({(write.kind, write.key) for write in writes}) != len(writes):
        raise ConflictError("expected each object once in a change, got one twice")


def _check_shape(write: Write) -> None:
    if (write.mode is Mode.DELETE) != (write.value is None):
        raise InvalidValueError("bad_write", f"expected a value unless it is a deletion, got {write.mode}")
    if write.value is not None:
        codec.encode(write.kind, write.key, write.value)  # refuses what the real store refuses


def _stored(kind: Kind, key: str, entry: _Entry) -> Stored | None:
    if entry.value is None:
        return None
    return Stored(kind, key, entry.value, entry.revision, entry.created_at, entry.updated_at)
