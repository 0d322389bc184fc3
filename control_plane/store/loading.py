"""Put what a snapshot held into an empty database, in one transaction: all of it, or nothing.

What the migration put there (the revision 0, a new log's name) gives way to what was. Partitions are made
as they were. Transaction numbers begin anew in another server, so an epoch of the log is begun in the same
transaction: the next row that is stored comes after all that were (store/audit_log.py).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date

import asyncpg

from control_plane.model.problem import InvalidValueError
from control_plane.store.migrate import revisions
from control_plane.store.pool import ACQUIRE_TIMEOUT, mapped
from control_plane.store.snapshot import LEFT_OUT, SETTINGS, SILENT

_PREFILLED = ("head", "audit_log", "audit_epochs", "audit_limits")
_DAY = re.compile(r"(audit_(?:events|batches|seals|heads))_([0-9]{8})\Z")
_FOREIGN = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') LIMIT 1
"""
_USED = """
SELECT (SELECT revision FROM head) > 0 OR EXISTS (SELECT FROM objects) OR EXISTS (SELECT FROM audit_events)
    OR EXISTS (SELECT FROM audit_batches) OR EXISTS (SELECT FROM peering_partners)
"""
_EPOCH = """
INSERT INTO audit_epochs SELECT 1 + greatest(
    (SELECT max(base) FROM audit_epochs),
    (SELECT coalesce(max(batch), 0) FROM audit_batches),
    (SELECT coalesce(max(batch), 0) FROM audit_seals)
)
"""
_GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
_COLUMNS = """
SELECT attname::text FROM pg_attribute
WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped
"""
_NUMBERED = """
SELECT pg_get_serial_sequence(quote_ident($1), attname) FROM pg_attribute
WHERE attrelid = to_regclass(quote_ident($1)) AND attidentity <> '' AND attname = 'number'
"""


@dataclass(frozen=True, slots=True)
class Loader:
    """The transaction that fills the database."""

    connection: asyncpg.Connection

    async def make_days(self, parts: Sequence[str]) -> None:
        """Make the partitions that the log had."""
        for part in parts:
            found = _DAY.match(part)
            if found and not await self.connection.fetchval("SELECT to_regclass($1) IS NOT NULL", part):
                day = date.fromisoformat(found[2])
                following = date.fromordinal(day.toordinal() + 1)
                bounds = (
                    f"FROM ('{day} 00:00+00') TO ('{following} 00:00+00')"
                    if found[1] == "audit_events"
                    else f"IN ('{day}')"
                )
                await self.connection.execute(
                    f"CREATE TABLE {part} PARTITION OF {found[1]} FOR VALUES {bounds}"
                )
                await self.connection.execute(_GUARD.format(part))

    async def copy(self, table: str, columns: Sequence[str], chunks: Iterator[bytes]) -> int:
        """Take rows in the text form of COPY; how many there were."""
        there = {row[0] for row in await self.connection.fetch(_COLUMNS, table)}
        if table in LEFT_OUT or not set(columns) <= there:
            raise InvalidValueError("damaged_backup", f"expected a table of this version, got {table[:64]!r}")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(SILENT) as deadline:

            async def source() -> AsyncIterator[bytes]:
                for chunk in chunks:
                    deadline.reschedule(loop.time() + SILENT)
                    yield chunk

            status: str = await self.connection.copy_to_table(
                table, source=source(), columns=columns, timeout=None
            )
        return int(status.rpartition(" ")[2])

    async def finish(self, tables: Sequence[str]) -> None:
        """Go on counting where the tables end."""
        for table in tables:
            sequence = await self.connection.fetchval(_NUMBERED, table)
            if sequence:
                last = (
                    f"SELECT setval('{sequence}', (SELECT coalesce(max(number), 0) + 1 FROM {table}), false)"  # noqa: S608 - names of ours
                )
                await self.connection.execute(last)
        await self.connection.execute(_EPOCH)


async def expect_empty(dsn: str, *, newest: str) -> None:
    """Raise InvalidValueError ``not_empty`` when there is anything in the database but an unused schema.

    That may be as new as ``newest``: there is no way back to an older one.
    """
    with mapped():
        connection = await _connect(dsn)
        try:
            if await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
                stored = await connection.fetchval("SELECT version_num FROM alembic_version")
                if stored in revisions() and stored <= newest:
                    found = "objects or records" if await connection.fetchval(_USED) else ""
                else:
                    found = "the schema of another version"
            else:
                found = await connection.fetchval(_FOREIGN) or ""
        finally:
            await connection.close(timeout=ACQUIRE_TIMEOUT)
    if found:
        raise InvalidValueError(
            "not_empty",
            f"expected an empty database, got one with {found}: make a new one for database_url",
        )


@asynccontextmanager
async def loading(dsn: str) -> AsyncIterator[Loader]:
    """Commit what the block does when it ends well; otherwise change nothing."""
    with mapped():
        connection = await _connect(dsn)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE head")  # a control plane that comes too early waits
                if await connection.fetchval(_USED):
                    raise InvalidValueError(
                        "not_empty", "expected an unused database, got one that is used now"
                    )
                for table in _PREFILLED:
                    await connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
                yield Loader(connection)
        finally:
            await connection.close(timeout=ACQUIRE_TIMEOUT)


async def _connect(dsn: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        dsn, timeout=ACQUIRE_TIMEOUT, command_timeout=SILENT, server_settings=SETTINGS
    )
