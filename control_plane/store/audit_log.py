"""The log of ports/audit_log.py in PostgreSQL: what the sealer takes and gives.

The order of the log is the order of transaction numbers, and they are given out before transactions end.
What is below the oldest that still runs (``pg_snapshot_xmin``) is decided, so the sealer never passes over a
row that was stored late, and who stores rows never waits for the sealer.
"""

from collections.abc import Sequence
from datetime import date

from control_plane.ports.audit_log import MovedError, Seal, StoredBatch, StoredHead, Tail
from control_plane.store.audit_days import AuditDays
from control_plane.store.audit_sql import ORDER_LOCK, SEAL_LOCK
from control_plane.store.pool import Pool
from control_plane.store.signatures import joined, store_head

HEADS = """
SELECT h.size, h.day, h.frontier, h.signed, s.header FROM {} h LEFT JOIN audit_signers s ON s.id = h.signer
"""
_LAST = f"""
SELECT * FROM ({HEADS.format("audit_heads")} ORDER BY size DESC LIMIT 1) AS last
UNION ALL
SELECT * FROM ({HEADS.format("audit_kept")} ORDER BY size DESC LIMIT 1) AS kept
ORDER BY size DESC LIMIT 1
"""  # noqa: S608 - only names of ours are put in
BATCHES = """
SELECT b.batch, b.day, b.body, b.signed, s.header
FROM audit_batches b LEFT JOIN audit_signers s ON s.id = b.signer
"""
_WAITING = f"""{BATCHES}
WHERE b.batch > $1 AND b.batch < (
    SELECT max(base) + pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM audit_epochs
)
ORDER BY b.batch LIMIT $2
"""  # noqa: S608 - only names of ours are put in
_BEHIND = "SELECT max(base) + pg_snapshot_xmax(pg_current_snapshot())::text::bigint <= $1 FROM audit_epochs"
_AGED = """
SELECT EXISTS (
    SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'audit_events'::regclass AND c.relname ~ '_[0-9]{8}$'
    AND to_date(right(c.relname, 8), 'YYYYMMDD') < $1
)
"""


class PostgresAuditLog:
    """Implements ports.audit_log.AuditLog."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._days = AuditDays(pool)

    async def tail(self) -> Tail:
        """How far the log is sealed."""
        async with self._pool.snapshot() as connection:
            log_id = await connection.fetchval("SELECT id::text FROM audit_log")
            row = await connection.fetchrow(_LAST)
        head = None if row is None else StoredHead(row["size"], row["day"], row["frontier"], joined(row))
        return Tail(log_id, head)

    async def waiting(self, after: int, *, limit: int) -> list[StoredBatch]:
        """Batches after this one, in order, to which no transaction can add an earlier one any more."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_WAITING, after, limit)
        return [StoredBatch(row["batch"], row["day"], row["body"], joined(row)) for row in rows]

    async def seal(self, seals: Sequence[Seal], head: StoredHead, *, expected: int) -> None:
        """Store both, if the log still has ``expected`` rows; MovedError if not."""
        async with self._pool.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", SEAL_LOCK)
            last = await connection.fetchrow(_LAST)
            size = last["size"] if last else 0
            if size != expected:
                raise MovedError(f"expected a log of {expected} rows, got {size}")
            await connection.copy_records_to_table(
                "audit_seals",
                columns=("batch", "day", "first", "previous", "links"),
                records=[(one.batch, one.day, one.first, one.previous, one.links) for one in seals],
            )
            await store_head(connection, head)

    async def renew(self, last: int) -> bool:
        """Begin an epoch when transaction numbers have fallen behind ``last``; whether that was so."""
        async with self._pool.transaction() as connection:
            if not await connection.fetchval(_BEHIND, last):
                return False
            await connection.execute("SELECT pg_advisory_xact_lock($1)", ORDER_LOCK)
            stored = await connection.fetchval("SELECT coalesce(max(batch), 0) FROM audit_batches")
            base = max(last, stored) + 1
            await connection.execute("INSERT INTO audit_epochs VALUES ($1) ON CONFLICT DO NOTHING", base)
        return True

    async def prepare(self, days: Sequence[date]) -> None:
        """Make the partitions of these days."""
        await self._days.prepare(days)

    async def aged(self, until: date) -> bool:
        """Whether there are rows of days before."""
        async with self._pool.connection() as connection:
            return bool(await connection.fetchval(_AGED, until))

    async def retire(self, until: date) -> int:
        """Drop the partitions of all days before; how many. Fewer, where rows are not sealed yet."""
        return await self._days.retire(until)
