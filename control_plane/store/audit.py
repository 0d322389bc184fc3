"""The audit of ports/audit.py in PostgreSQL: rows arrive at least once, and are stored once.

Rows come by COPY into a table of the connection and from there into the audit, so that one that is there
already is passed over. With them is stored which rows came together and what their hashes are, signed
(chain/batch.py): that is all the sealer needs, so that the chain never holds up who stores rows.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date
from typing import Any, NamedTuple

import asyncpg

from control_plane.chain.batch import TYP, Claim, pack
from control_plane.chain.record import encode, leaf_hash, microseconds
from control_plane.kit.told import Told
from control_plane.model.audit import AuditEvent
from control_plane.ports.audit import AuditQuery, Checkpoint
from control_plane.ports.audit_log import Sign
from control_plane.ports.errors import UnavailableError
from control_plane.store.audit_days import AuditDays
from control_plane.store.audit_query import statement
from control_plane.store.audit_rows import COLUMNS, event_of, storable, values
from control_plane.store.audit_sql import ORDER_LOCK, linked
from control_plane.store.pool import Pool
from control_plane.store.signatures import store_batch

BATCH = 1000  # rows that are encoded, and sent, before others get their turn on the event loop
_TRIES = 4  # of a shipment whose rows somebody else is storing at the same time

_NAMES = ", ".join(COLUMNS)
_METADATA = COLUMNS.index("metadata")

_INCOMING = "audit_incoming"
_MAKE_INCOMING = f"CREATE TEMP TABLE {_INCOMING} (LIKE audit_events) ON COMMIT DELETE ROWS"

# The number of the transaction orders what is stored: whatever has a lower one is decided before the sealer
# looks (store/audit_log.py). The lock is only ever waited for when an epoch begins.
_ORDER = "SELECT pg_advisory_xact_lock_shared($1)"
_BEGIN = f"""
SELECT id::text, (SELECT max(base) FROM audit_epochs) + pg_current_xact_id()::text::bigint AS batch,
    (now() AT TIME ZONE 'UTC')::date AS day, to_regclass('pg_temp.{_INCOMING}') IS NULL AS is_new
FROM audit_log
"""  # noqa: S608 - only a name of ours is put in

_INSERT = f"""
INSERT INTO audit_events ({_NAMES}, batch, place) SELECT {_NAMES}, batch, place FROM pg_temp.{_INCOMING}
ON CONFLICT (reporter, row_id, timestamp) DO NOTHING
RETURNING place
"""  # noqa: S608 - only names of ours are put in

# A shipment that was repeated may arrive late: within a file a checkpoint only moves forward.
_MOVE = """
INSERT INTO checkpoints AS c (gateway, stream, file, log_offset) VALUES ($1, $2, $3, $4)
ON CONFLICT (gateway, stream) DO UPDATE SET file = excluded.file, log_offset = excluded.log_offset
WHERE c.file <> excluded.file OR c.log_offset < excluded.log_offset
"""

_CHECKPOINTS = "SELECT gateway, stream, file, log_offset FROM checkpoints WHERE gateway = $1 ORDER BY stream"


class _UnpreparedError(Exception):
    """The database's day has begun, and has no partition yet."""

    def __init__(self, day: date) -> None:
        super().__init__(day.isoformat())
        self.day = day


class PostgresAudit:
    """Implements ports.audit.AuditStore; without ``sign``, batches are not signed."""

    def __init__(self, pool: Pool, *, sign: Sign | None = None) -> None:
        self._pool = pool
        self._sign = sign
        self._days = AuditDays(pool)
        self._stored = Told()

    async def until_stored(self, seen: int, *, within: float) -> int:
        """How often this process has stored rows, as soon as it is not ``seen`` any more."""
        return await self._stored.other_than(seen, within=within)

    async def append(self, events: Sequence[AuditEvent], checkpoint: Checkpoint | None = None) -> int:
        """Store each event once and move the checkpoint, in one transaction; how many were new."""
        rows = await _ready(events)
        await self._days.prepare_events({row.day for row in rows})
        for _ in range(_TRIES):
            try:
                new = await self._append(rows, checkpoint)
                self._stored.tell()
                return new  # noqa: TRY300 - what else is tried is in the except
            except _UnpreparedError as error:
                await self._days.prepare([error.day])
        raise UnavailableError("the audit's partition of today cannot be made")

    async def _append(self, rows: "list[_Row]", checkpoint: Checkpoint | None) -> int:
        async with self._pool.transaction() as connection:
            new = await self._store(connection, rows) if rows else 0
            if checkpoint is not None:
                await _move(connection, checkpoint)
        return new

    async def _store(self, connection: asyncpg.Connection, rows: "list[_Row]") -> int:
        await connection.execute(_ORDER, ORDER_LOCK)
        start = await connection.fetchrow(_BEGIN)
        if not self._days.knows(start["day"]):
            raise _UnpreparedError(start["day"])
        if start["is_new"]:
            await connection.execute(_MAKE_INCOMING)
        stored = await _insert_new(connection, rows, start["batch"])
        if stored:
            body = pack((row.moment, row.leaf) for row in stored)
            claim = Claim(start["id"], start["batch"], start["day"], body)
            signed = self._sign(claim.payload(), TYP) if self._sign else b""
            await store_batch(connection, claim, signed)
        return len(stored)

    async def checkpoints(self, gateway: str) -> tuple[Checkpoint, ...]:
        """How far each of this gateway's streams has been taken over."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_CHECKPOINTS, gateway)
        return tuple(
            Checkpoint(row["gateway"], row["stream"], row["file"], row["log_offset"]) for row in rows
        )

    async def query(self, query: AuditQuery) -> list[AuditEvent]:
        """Rows that match, newest first; ``since`` is included, ``until`` is not."""
        text, arguments = statement(query, (*COLUMNS, "batch", "place"))
        async with self._pool.connection() as connection:
            rows = await connection.fetch(text, *arguments)
            links = await linked(connection, [(row["batch"], row["place"]) for row in rows])
        return [event_of(row, link) for row, link in zip(rows, links, strict=True)]


class _Row(NamedTuple):
    """An event on its way: its columns, and what the log keeps of it."""

    day: date
    moment: int
    leaf: bytes
    columns: list[Any]


async def _ready(events: Sequence[AuditEvent]) -> list[_Row]:
    """Each event once, as PostgreSQL can hold it, with its leaf hash."""
    rows: dict[tuple[object, ...], _Row] = {}
    for number, given in enumerate(events, start=1):
        event = storable(given)
        key = (event.reporter, event.row_id, event.timestamp)
        if key not in rows:
            columns = values(event)
            leaf = leaf_hash(encode(event, columns[_METADATA]))
            moment = event.timestamp.astimezone(UTC)
            rows[key] = _Row(moment.date(), microseconds(moment), leaf, columns)
        if number % BATCH == 0:
            await asyncio.sleep(0)
    return list(rows.values())


async def _insert_new(connection: asyncpg.Connection, rows: list[_Row], batch: int) -> list[_Row]:
    """Insert the rows that are not there yet, with places that follow one another; those rows."""
    for _ in range(_TRIES):
        if not rows:
            return []
        attempt = connection.transaction()
        await attempt.start()
        await _copy(connection, rows, batch)
        new = await connection.fetch(_INSERT)
        if len(new) == len(rows):
            await attempt.commit()
            return rows
        await attempt.rollback()
        rows = [rows[place] for place in sorted(row["place"] for row in new)]
    raise UnavailableError("the same rows are being stored by somebody else")


async def _copy(connection: asyncpg.Connection, rows: list[_Row], batch: int) -> None:
    for first in range(0, len(rows), BATCH):
        part = rows[first : first + BATCH]
        await connection.copy_records_to_table(
            _INCOMING,
            schema_name="pg_temp",
            columns=(*COLUMNS, "batch", "place"),
            records=[(*row.columns, batch, first + place) for place, row in enumerate(part)],
        )
        await asyncio.sleep(0)


async def _move(connection: asyncpg.Connection, checkpoint: Checkpoint) -> None:
    await connection.execute(_MOVE, checkpoint.gateway, checkpoint.stream, checkpoint.file, checkpoint.offset)
