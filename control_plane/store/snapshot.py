"""The whole database as it is at one moment, to be backed up while everything runs.

One transaction keeps the moment and locks no table. Each table, and each partition, is read in a
transaction of its own that sees the same moment (``SET TRANSACTION SNAPSHOT``), so that what it locks is
free again as soon as it is read: a day's partition can still be made meanwhile. The days themselves are not
dropped as long as this is open.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from control_plane.store.pool import ACQUIRE_TIMEOUT, mapped

SETTINGS = {
    "application_name": "proxenia backup",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lock_timeout": "30s",
    "statement_timeout": "0",  # silence is what ends a statement here: SILENT
    "idle_in_transaction_session_timeout": "0",
}
SILENT = 60.0  # seconds without a byte
_ANSWER = 30.0

LEFT_OUT = {
    "alembic_version": "the schema is made anew, and its revision is in the backup's first entry",
    "gateway_states": "who is connected to which replica is not so any more",
    "peering_invitations": "one that was used since would be good for a second time",
    "peering_challenges": "the same",
}
"""Tables that are not in a backup, and why."""

_TABLES = """
SELECT c.relname AS name, c.relkind = 'p' AS is_split,
    (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
    -- The default partition last: a new day's partition waits for who reads it.
    (SELECT array_agg(p.relname::text ORDER BY p.relname LIKE '%\\_default', p.relname)
        FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid WHERE i.inhparent = c.oid) AS parts
FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname
"""
_NO_RETIREMENT = "SELECT pg_advisory_xact_lock_shared(hashtextextended('proxenia audit days', 0))"

Take = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Table:
    """One table; ``parts`` are its partitions."""

    name: str
    columns: tuple[str, ...]
    parts: tuple[str, ...]

    @property
    def read(self) -> tuple[str, ...]:
        """What has to be read to have all of it."""
        return self.parts or (self.name,)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The moment: its name for other transactions, the schema's revision, and the tables."""

    dsn: str
    name: str
    revision: str
    taken_at: str
    tables: tuple[Table, ...]

    async def copy(self, part: str, columns: tuple[str, ...], take: Take) -> int:
        """Give ``take`` the rows of one table or partition, in the text form of COPY; how many there were."""
        with mapped():
            connection = await _connect(self.dsn)
            try:
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    await connection.execute(f"SET TRANSACTION SNAPSHOT '{self.name}'")
                    status = await _copied(connection, part, columns, take)
            finally:
                await connection.close(timeout=ACQUIRE_TIMEOUT)
        return int(status.rpartition(" ")[2])


async def _copied(connection: asyncpg.Connection, part: str, columns: tuple[str, ...], take: Take) -> str:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(SILENT) as deadline:

        async def awake(data: bytes) -> None:
            await take(data)
            deadline.reschedule(loop.time() + SILENT)

        status: str = await connection.copy_from_table(part, columns=columns, output=awake)
    return status


@asynccontextmanager
async def snapshot(dsn: str) -> AsyncIterator[Snapshot]:
    """This moment, as the schema's owner sees it; UnavailableError when there is no answer."""
    with mapped():
        connection = await _connect(dsn)
    try:
        with mapped():
            transaction = connection.transaction(isolation="repeatable_read", readonly=True)
            await transaction.start()
            await connection.execute(_NO_RETIREMENT)
            name = await connection.fetchval("SELECT pg_export_snapshot()")
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
            taken_at = await connection.fetchval("SELECT now()::text")
            rows = await connection.fetch(_TABLES)
        tables = tuple(
            Table(row["name"], tuple(row["columns"]), tuple(row["parts"] or ()))
            for row in rows
            if row["name"] not in LEFT_OUT
        )
        yield Snapshot(dsn, name, revision, taken_at, tables)
    finally:
        connection.terminate()  # nothing is to be kept


async def _connect(dsn: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        dsn, timeout=ACQUIRE_TIMEOUT, command_timeout=_ANSWER, server_settings=SETTINGS
    )
