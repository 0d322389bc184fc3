"""The objects of ports/objects.py in PostgreSQL.

Each writing transaction first locks the single row of ``head``. Writers therefore take turns, whatever they
write: a revision becomes visible only after all smaller ones, so a reader that has seen revision n never
misses anything at or below n. It also makes "look, then change" safe without further locks.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import asyncpg
import structlog

from control_plane.model.change import Change, Item, Kind
from control_plane.model.problem import InvalidValueError
from control_plane.ports.errors import ConflictError, MissingError
from control_plane.ports.objects import Mode, Stored, Write
from control_plane.store import codec, objects_sql
from control_plane.store.ambient import connection_of, transaction_of
from control_plane.store.feed import CHANNEL, Feed
from control_plane.store.pool import Pool

BATCH = 500  # rows that are asked for, or written, in one statement
_TURN = 100  # of them that are read or written as JSON before others get their turn on the event loop

_KINDS = [str(kind) for kind in Kind]  # others are a newer version's

_T = TypeVar("_T")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Row:
    """One write as SQL takes it."""

    kind: str
    key: str
    mode: str
    expected: int | None
    organisation: str | None
    body: str | None


class PostgresObjects:
    """Implements ports.objects.Objects."""

    def __init__(self, pool: Pool, feed: Feed) -> None:
        self._pool = pool
        self._feed = feed

    async def write(self, writes: Sequence[Write], *, actor: str) -> int:
        """Apply all of ``writes`` or none; the new revision (the present one when nothing differed)."""
        _refuse_repetition(writes)
        rows = [_row(write) async for turn in _turns(writes) for write in turn]
        batches = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)]
        async with transaction_of(self._pool) as connection:
            present: int = await connection.fetchval(objects_sql.LOCK_HEAD)
            changed = 0
            for batch in batches:
                await _check(connection, batch)
                changed += await _apply(connection, batch, revision=present + 1, actor=actor)
            if not changed:
                return present
            await connection.execute(objects_sql.ADVANCE, present + 1, CHANNEL)
        return present + 1

    async def get(self, kind: Kind, key: str) -> Stored | None:
        """One object, or None."""
        async with connection_of(self._pool) as connection:
            row = await connection.fetchrow(objects_sql.GET, str(kind), key)
        return None if row is None else codec.stored(row)

    async def many(self, kind: Kind, keys: Collection[str]) -> dict[str, Stored]:
        """Those of these objects that exist, by key."""
        if not keys:
            return {}
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(objects_sql.MANY, str(kind), list(keys))
        return {row["key"]: codec.stored(row) async for turn in _turns(rows) for row in turn}

    async def page(
        self, kind: Kind, *, after: str = "", limit: int = 100, organisation: str = ""
    ) -> list[Stored]:
        """At most ``limit`` objects with keys greater than ``after``, in the order of their bytes."""
        query, *arguments = (
            (objects_sql.PAGE_OF, str(kind), after, limit, organisation)
            if organisation
            else (objects_sql.PAGE, str(kind), after, limit)
        )
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(query, *arguments)
        return [codec.stored(row) async for turn in _turns(rows) for row in turn]

    async def changes(self, since: int, *, kinds: Collection[Kind] = ()) -> Change:
        """What is different now from ``since``, each object once; from 0: everything that exists."""
        words = [str(kind) for kind in kinds] or _KINDS
        if since > 0:
            async with self._pool.connection() as connection:
                rows = await connection.fetch(objects_sql.FEW_SINCE, since, words, BATCH + 1)
            if len(rows) <= BATCH:
                found = [row for row in rows if row["kind"] is not None]
                items = [_item(row) async for turn in _turns(found) for row in turn]
                return Change(rows[0]["revision"], tuple(items))
        return await self._many_changes(since, words)

    def wakeups(self) -> AsyncIterator[None]:
        """Yield once at the start, and then whenever there may be changes; at least every five seconds."""
        return self._feed.wakeups()

    async def _many_changes(self, since: int, kinds: Sequence[str]) -> Change:
        items: list[Item] = []
        async with self._pool.snapshot() as connection:
            revision: int = await connection.fetchval(objects_sql.HEAD)
            query = objects_sql.SINCE if since > 0 else objects_sql.EVERYTHING
            cursor = await connection.cursor(query, since, kinds)
            while rows := await cursor.fetch(BATCH):
                items += [_item(row) async for turn in _turns(rows) for row in turn]
        return Change(revision, tuple(items))


def _refuse_repetition(writes: Sequence[Write]) -> None:
    """One object twice in a transaction has no single meaning when sets are applied."""
    seen: set[tuple[Kind, str]] = set()
    for write in writes:
        identity = (write.kind, write.key)
        if identity in seen:
            raise ConflictError(f"expected each object once in a change, got {write.kind} {write.key} twice")
        seen.add(identity)


def _row(write: Write) -> _Row:
    deleting = write.mode is Mode.DELETE
    if deleting != (write.value is None):
        wanted = "no value" if deleting else "a value"
        raise InvalidValueError(
            "bad_write", f"expected {wanted} to {write.mode} {write.kind} {write.key}, got the opposite"
        )
    body = None if write.value is None else codec.encode(write.kind, write.key, write.value)
    organisation = None if write.value is None else codec.organisation_of(write.value)
    return _Row(str(write.kind), write.key, str(write.mode), write.expected, organisation, body)


async def _check(connection: asyncpg.Connection, rows: Sequence[_Row]) -> None:
    """Raise for the first write whose precondition does not hold; that rolls everything back."""
    row = await connection.fetchrow(
        objects_sql.VIOLATION,
        [row.kind for row in rows],
        [row.key for row in rows],
        [row.mode for row in rows],
        [row.expected for row in rows],
    )
    if row is None:
        return
    name = f"{row['kind']} {row['key']}"
    if row["mode"] == Mode.CREATE and row["present"]:
        raise ConflictError(f"{name} exists already")
    if row["mode"] in {Mode.REPLACE, Mode.DELETE} and not row["present"]:
        raise MissingError(f"there is no {name}")
    raise ConflictError(
        f"expected {name} at revision {row['expected']}, got {row['revision']}: read it again, then change it"
    )


async def _apply(connection: asyncpg.Connection, rows: Sequence[_Row], *, revision: int, actor: str) -> int:
    """Write; how many differed from what was there."""
    changed: int = await connection.fetchval(
        objects_sql.APPLY,
        [row.kind for row in rows],
        [row.key for row in rows],
        [row.mode for row in rows],
        [row.organisation for row in rows],
        [row.body for row in rows],
        revision,
        actor,
    )
    return changed


def _item(row: Any) -> Item:  # noqa: ANN401 - asyncpg's Record has no types
    """An object that cannot be read counts as gone: it allows nothing, and does not stop the others."""
    kind, key = Kind(row["kind"]), row["key"]
    if row["body"] is None:
        return Item(kind, key, None)
    try:
        return Item(kind, key, codec.decode(kind, key, row["body"]))
    except InvalidValueError as error:
        _log.error("a stored object cannot be read", kind=kind, key=key, detail=error.detail)
        return Item(kind, key, None)


async def _turns(items: Sequence[_T]) -> AsyncIterator[list[_T]]:
    """The items in pieces, with a turn for others between them."""
    iterator = iter(items)
    while turn := list(islice(iterator, _TURN)):
        yield turn
        await asyncio.sleep(0)
