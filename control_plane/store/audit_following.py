"""The sealed rows of ports/audit_use.py in PostgreSQL: followed, and exported with their proof."""

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import asyncpg

from control_plane.chain.batch import unpack
from control_plane.chain.multiproof import left_out
from control_plane.chain.tree import Frontier
from control_plane.ports.audit import AuditQuery
from control_plane.ports.audit_use import Begin, Exported, Followed, LeftOut, Numbered, Proven
from control_plane.ports.errors import UnavailableError
from control_plane.store.audit_log import HEADS
from control_plane.store.audit_query import statement, within
from control_plane.store.audit_rows import COLUMNS, event_of
from control_plane.store.pool import Pool
from control_plane.store.signatures import joined

FEW = 200_000  # rows that are looked up by an index; more are found by walking through the log
WINDOW = 100_000  # rows of the log that are looked at before the next ones
SCAN = 20_000  # the same for one answer to who follows
GAP = 50_000  # rows that are left out before another part of the log begins
PAGE = 10_000
_AT_ONCE = 5_000  # rows that are in memory, or those of one batch
_MOST_BATCHES = 500  # that are read at once
_WITHIN = 25.0  # seconds

_NAMES = ", ".join(f"e.{name}" for name in COLUMNS)
_END = """
SELECT coalesce(max(size), 0) FROM (
    SELECT max(size) AS size FROM audit_heads UNION ALL SELECT max(size) FROM audit_kept
) AS sizes
"""
_FIRSTS = "SELECT batch, first FROM audit_seals WHERE batch = ANY($1::bigint[])"
_BEFORE = " UNION ALL ".join(
    f"(SELECT * FROM ({HEADS.format(table)} WHERE h.size <= $1 ORDER BY h.size DESC LIMIT 1) AS {table})"  # noqa: S608 - only names of ours are put in
    for table in ("audit_heads", "audit_kept")
)
_AFTER = f"{HEADS.format('audit_heads')} WHERE h.size > $1 ORDER BY h.size LIMIT 1"
_EDGE = """
SELECT coalesce(
    (SELECT size FROM audit_heads WHERE size >= $1 ORDER BY size LIMIT 1), 9223372036854775807
)
"""
_FIRST = "SELECT coalesce(min(first), 0) FROM audit_seals"
_BODIES = """
SELECT s.first, s.batch, b.body FROM audit_seals s JOIN audit_batches b ON b.batch = s.batch
WHERE s.first >= $1 AND s.first < $2 ORDER BY s.first LIMIT $3
"""
_ROWS = f"""
SELECT {_NAMES}, e.batch, e.place FROM unnest($1::bigint[], $2::integer[]) AS wanted (batch, place)
JOIN audit_events e ON e.batch = wanted.batch AND e.place = wanted.place
"""  # noqa: S608 - only names of ours are put in
_NO_HASH = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"


class PostgresFollowing:
    """Implements ports.audit_use.AuditFollowing."""

    def __init__(self, pool: Pool, *, gap: int = GAP, few: int = FEW, window: int = WINDOW) -> None:
        self._pool = pool
        self._gap = gap
        self._few = few
        self._window = window

    async def end(self) -> int:
        """How many rows are sealed."""
        async with self._pool.connection() as connection:
            return int(await connection.fetchval(_END))

    async def follow(self, after: int, *, query: AuditQuery) -> Followed:
        """At most ``query.limit`` rows that match from number ``after`` on, at once."""
        async with self._pool.snapshot() as connection:
            await connection.execute(_NO_HASH)
            end = min(after + SCAN, max(after, int(await connection.fetchval(_END))))
            text, arguments = within(query, after, end, _NAMES)
            rows = await connection.fetch(text, *arguments, timeout=_WITHIN)
        found = tuple(Numbered(row["number"], event_of(row)) for row in rows)
        return Followed(found, found[-1].number + 1 if len(found) == query.limit else end)

    async def matching(self, query: AuditQuery) -> Sequence[int] | None:
        """The numbers of all sealed rows that match, in order; None: they are too many to be held."""
        numbers: array[int] = array("q")
        page = replace(query, limit=PAGE)
        while True:
            text, arguments = statement(page, ("timestamp", "event_id", "batch", "place"))
            async with self._pool.connection() as connection:
                rows = await connection.fetch(text, *arguments, timeout=_WITHIN)
                found = await connection.fetch(_FIRSTS, list({row["batch"] for row in rows}))
            firsts = {row["batch"]: row["first"] for row in found}
            numbers.extend(firsts[row["batch"]] + row["place"] for row in rows if row["batch"] in firsts)
            if len(numbers) > self._few:
                return None
            if len(rows) < PAGE:
                return sorted(numbers)
            last = rows[-1]
            page = replace(page, after=f"{last['timestamp'].isoformat()}|{last['event_id']}")

    async def walk(self, query: AuditQuery) -> AsyncIterator[Exported]:
        """The same as ``export`` of all that match now, however many: from head to head through the log."""
        async with self._pool.connection() as connection:
            at, end = int(await connection.fetchval(_FIRST)), int(await connection.fetchval(_END))
        while at < end:
            async with self._pool.snapshot() as connection:
                stop = min(end, int(await connection.fetchval(_EDGE, at + self._window)))
                await connection.execute(_NO_HASH)
                text, arguments = within(replace(query, limit=stop - at), at, stop, "e.batch")
                rows = await connection.fetch(text, *arguments, timeout=_WITHIN)
            async for one in self.export([row["number"] for row in rows]):
                yield one
            at = stop

    async def export(self, numbers: Sequence[int]) -> AsyncIterator[Exported]:
        """These rows with all that proves them: parts of the log, each from Begin to Proven."""
        at = 0
        while at < len(numbers):
            begin, end, signed = await self._part(numbers, at)
            yield begin
            stop = bisect_left(numbers, end)
            async for one in self._rows(begin.size, end, numbers[at:stop]):
                yield one
            yield Proven(end, signed)
            at = stop

    async def _part(self, numbers: Sequence[int], at: int) -> tuple[Begin, int, bytes]:
        """From the head before the first number to a head behind those that follow closely."""
        last = at
        while last + 1 < len(numbers) and numbers[last + 1] - numbers[last] <= self._gap:
            last += 1
        async with self._pool.connection() as connection:
            before = await connection.fetch(_BEFORE, numbers[at])
            after = await connection.fetchrow(_AFTER, numbers[last])
        if after is None:
            raise UnavailableError("the rows are sealed and no head is beyond them: verify the audit")
        start = max(before, key=lambda row: row["size"], default=None)
        begin = Begin(start["size"], start["frontier"]) if start else Begin(0, Frontier().packed)
        return begin, after["size"], joined(after)

    async def _rows(self, first: int, end: int, numbers: Sequence[int]) -> AsyncIterator[Exported]:
        """The rows, and nodes for the others, some batches at a time."""
        at, taken, limit = first, 0, 1
        while at < end:
            async with self._pool.connection() as connection:
                batches = await connection.fetch(_BODIES, at, end, limit, timeout=_WITHIN)
                leaves = [leaf for row in batches for _, leaf in unpack(row["body"])]
                stop = bisect_left(numbers, at + len(leaves), lo=taken)
                rows = await _read(connection, batches, numbers[taken:stop])
            if not leaves:
                raise UnavailableError("rows of the log were retired while they were exported")
            for one in _interleaved(at, leaves, rows):
                yield one
            at, taken = at + len(leaves), stop
            limit = max(1, min(_MOST_BATCHES, _AT_ONCE * len(batches) // len(leaves)))
            await asyncio.sleep(0)


async def _read(
    connection: asyncpg.Connection, batches: Sequence[Any], numbers: Sequence[int]
) -> list[Numbered]:
    """The rows of these numbers, which are in these batches."""
    firsts = [row["first"] for row in batches]
    places = []
    for number in numbers:
        index = bisect_left(firsts, number + 1) - 1
        places.append((batches[index]["batch"], number - firsts[index]))
    found = await connection.fetch(
        _ROWS, [batch for batch, _ in places], [place for _, place in places], timeout=_WITHIN
    )
    events = {(row["batch"], row["place"]): event_of(row) for row in found}
    return [
        Numbered(number, events[place])
        for number, place in zip(numbers, places, strict=True)
        if place in events  # one that was deleted is left out, and its proof fails
    ]


def _interleaved(at: int, leaves: Sequence[bytes], rows: Sequence[Numbered]) -> list[Exported]:
    found: list[Exported] = []
    place = at
    for row in rows:
        if row.number > place:
            found.append(LeftOut(tuple(left_out(place, leaves[place - at : row.number - at]))))
        found.append(row)
        place = row.number + 1
    if place < at + len(leaves):
        found.append(LeftOut(tuple(left_out(place, leaves[place - at :]))))
    return found
