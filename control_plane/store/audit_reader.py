"""What verification reads of the log (ports/audit_log.py): rows as the bytes that their columns make now."""

from datetime import date
from typing import Any

from control_plane.ports.audit_log import Census, Piece, Seal, StoredBatch, StoredHead, Tail
from control_plane.store.audit_log import BATCHES, HEADS, PostgresAuditLog
from control_plane.store.audit_sql import RECORD
from control_plane.store.pool import Pool
from control_plane.store.signatures import joined

_READ_WITHIN = 25.0  # seconds; below the server's own end to a statement
_HEADS_AFTER = f"{HEADS.format('audit_heads')} WHERE h.size > $1 ORDER BY h.size LIMIT $2"
_KEPT = f"{HEADS.format('audit_kept')} ORDER BY h.size"
_HEAD_BEFORE = f"{HEADS.format('audit_heads')} WHERE h.day < $1 ORDER BY h.size DESC LIMIT 1"

# As many batches as have about so many rows; the first always.
_PIECE = f"""
SELECT * FROM (
    SELECT b.*, e.day AS seal_day, e.first, e.previous, e.links,
        sum(length(b.body) / 40) OVER (ORDER BY b.batch) - length(b.body) / 40 AS before
    FROM (
        {BATCHES} WHERE b.batch > $1 AND ($2::bigint IS NULL OR b.batch <= $2)
        ORDER BY b.batch LIMIT 2000
    ) AS b LEFT JOIN audit_seals e ON e.batch = b.batch
) AS counted WHERE before < $3 ORDER BY batch
"""  # noqa: S608 - only names of ours are put in
_RECORDS = f"""
SELECT batch, place, {RECORD} AS record FROM audit_events
WHERE batch > $1 AND ($2::bigint IS NULL OR batch <= $2) ORDER BY batch, place
"""  # noqa: S608 - only names of ours are put in
_EARLY = f"""
SELECT batch, place, {RECORD} AS record FROM audit_events WHERE batch <= $1 ORDER BY batch, place LIMIT 1
"""  # noqa: S608 - only names of ours are put in
_SEALS = "SELECT count(*) FROM audit_seals WHERE batch > $1 AND batch <= $2"
_STALE = "SELECT count(*) FROM audit_heads WHERE size <= $1"
_BEYOND = """
SELECT count(*) FROM audit_seals WHERE (batch > $2 AND first < $1) OR first >= (
    SELECT coalesce(max(size), 0)
    FROM (SELECT size FROM audit_heads UNION ALL SELECT size FROM audit_kept) AS sizes
)
"""
_RETIRED = """
SELECT max(resource) FROM audit_events
WHERE event_type = 'operator_action' AND reporter = 'control-plane' AND action = 'audit.retire'
"""


class PostgresLogReader:
    """Implements ports.audit_log.LogReader."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def tail(self) -> Tail:
        """How far the log is sealed."""
        return await PostgresAuditLog(self._pool).tail()

    async def kept(self) -> list[StoredHead]:
        """The heads of days whose rows are gone, in order."""
        return await self._heads(_KEPT)

    async def heads(self, after: int, *, limit: int) -> list[StoredHead]:
        """Heads of more than ``after`` rows, in order."""
        return await self._heads(_HEADS_AFTER, after, limit)

    async def head_before(self, day: date) -> StoredHead | None:
        """The last head of an earlier day."""
        found = await self._heads(_HEAD_BEFORE, day)
        return found[0] if found else None

    async def piece(self, after: int, until: int | None, *, rows: int) -> Piece:
        """The next batches with about ``rows`` rows; see the port."""
        async with self._pool.snapshot() as connection:
            found = await connection.fetch(_PIECE, after, until, rows, timeout=_READ_WITHIN)
            last = found[-1]["batch"] if found else until
            records = await connection.fetch(_RECORDS, after, last, timeout=_READ_WITHIN)
        batches = tuple(StoredBatch(row["batch"], row["day"], row["body"], joined(row)) for row in found)
        return Piece(batches, tuple(_seal(row) for row in found), records)

    async def census(self, start: tuple[int, int], end: tuple[int, int]) -> Census:
        """What there is beside the batches that are walked through; see the port."""
        (size, after), (total, until) = start, end
        async with self._pool.snapshot() as connection:
            seals = await connection.fetchval(_SEALS, after, until, timeout=_READ_WITHIN)
            beyond = await connection.fetchval(_BEYOND, total, until, timeout=_READ_WITHIN)
            stale = await connection.fetchval(_STALE, size, timeout=_READ_WITHIN)
            early = await connection.fetchrow(_EARLY, after, timeout=_READ_WITHIN)
            retired = await connection.fetchval(_RETIRED, timeout=_READ_WITHIN)
        return Census(seals, beyond, stale, early, _day(retired))

    async def _heads(self, statement: str, *arguments: object) -> list[StoredHead]:
        async with self._pool.connection() as connection:
            rows = await connection.fetch(statement, *arguments)
        return [StoredHead(row["size"], row["day"], row["frontier"], joined(row)) for row in rows]


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:  # nobody but us writes such rows; whoever did has said nothing
        return None


def _seal(row: Any) -> Seal | None:  # noqa: ANN401 - asyncpg's records have no types
    if row["first"] is None:
        return None
    return Seal(row["batch"], row["seal_day"], row["first"], row["previous"], row["links"])
