"""The audit of ports/audit.py in PostgreSQL: rows arrive at least once, and are stored once."""

import asyncio
from collections.abc import Sequence
from itertools import islice

import asyncpg

from control_plane.model.audit import AuditEvent
from control_plane.ports.audit import AuditQuery, Checkpoint
from control_plane.store.audit_query import statement
from control_plane.store.audit_rows import COLUMNS, TYPES, columns, event_of, storable
from control_plane.store.pool import Pool

BATCH = 1000  # rows per statement, so that others get their turn on the event loop between them

_NAMES = ", ".join(COLUMNS)
_ARRAYS = ", ".join(f"${number}::{TYPES.get(name, 'text')}[]" for number, name in enumerate(COLUMNS, start=1))

_INSERT = f"""
WITH new AS (
    INSERT INTO audit_events ({_NAMES}) SELECT * FROM unnest({_ARRAYS})
    ON CONFLICT (reporter, row_id, timestamp) DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM new
"""  # noqa: S608 - only the names of columns are put in

# A shipment that was repeated may arrive late: within a file a checkpoint only moves forward.
_MOVE = """
INSERT INTO checkpoints AS c (gateway, stream, file, log_offset) VALUES ($1, $2, $3, $4)
ON CONFLICT (gateway, stream) DO UPDATE SET file = excluded.file, log_offset = excluded.log_offset
WHERE c.file <> excluded.file OR c.log_offset < excluded.log_offset
"""

_CHECKPOINTS = "SELECT gateway, stream, file, log_offset FROM checkpoints WHERE gateway = $1 ORDER BY stream"


class PostgresAudit:
    """Implements ports.audit.AuditStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def append(self, events: Sequence[AuditEvent], checkpoint: Checkpoint | None = None) -> int:
        """Store each event once and move the checkpoint, in one transaction; how many were new."""
        new = 0
        remaining = iter(events)
        async with self._pool.transaction() as connection:
            while batch := [storable(event) for event in islice(remaining, BATCH)]:
                new += await connection.fetchval(_INSERT, *columns(batch))
                await asyncio.sleep(0)
            if checkpoint is not None:
                await _move(connection, checkpoint)
        return new

    async def checkpoints(self, gateway: str) -> tuple[Checkpoint, ...]:
        """How far each of this gateway's streams has been taken over."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_CHECKPOINTS, gateway)
        return tuple(
            Checkpoint(row["gateway"], row["stream"], row["file"], row["log_offset"]) for row in rows
        )

    async def query(self, query: AuditQuery) -> list[AuditEvent]:
        """Rows that match, newest first; ``since`` is included, ``until`` is not."""
        text, arguments = statement(query, COLUMNS)
        async with self._pool.connection() as connection:
            rows = await connection.fetch(text, *arguments)
        return [event_of(row) for row in rows]


async def _move(connection: asyncpg.Connection, checkpoint: Checkpoint) -> None:
    await connection.execute(_MOVE, checkpoint.gateway, checkpoint.stream, checkpoint.file, checkpoint.offset)
