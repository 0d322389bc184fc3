"""What a superuser can do to the log, as statements; and the log as it was, put back after each example."""

# ruff: noqa: S608 - statements of this test, with names of our own tables

from dataclasses import dataclass

import asyncpg

from tests.integration.audit.ledger import WITHOUT_TRIGGERS, Ledger

COLUMNS = {
    "audit_events": (
        *("event_id", "reporter", "row_id", "timestamp", "event_type", "direction", "correlation_id"),
        *("source_node", "target_node", "principal", "principal_org", "resource", "capability", "action"),
        *("decision", "reason", "policy_id", "status", "duration_ms", "bytes", "peer_serial"),
        *("peer_fingerprint", "metadata", "batch", "place"),
    ),
    "audit_batches": ("batch", "day", "body", "signer", "signed"),
    "audit_seals": ("batch", "day", "first", "previous", "links"),
    "audit_heads": ("size", "day", "frontier", "signer", "signed"),
}
"""Every column of every table that the log is made of."""

ORDER = {
    "audit_events": "batch, place",
    "audit_batches": "batch",
    "audit_seals": "batch",
    "audit_heads": "size",
}

_OTHER = {
    "text": "{0} || 'x'",
    "timestamp with time zone": "{0} + interval '1 second'",
    "bigint": "coalesce({0}, 0) + {by}",
    "integer": "{0} + {by}",
    "double precision": "coalesce({0}, 0) + 0.5",
    "jsonb": """{0} || '{{"more": "x"}}'""",
    "bytea": "set_byte({0}, 0, 255 - get_byte({0}, 0))",
    "date": "{0} + 1",
}
"""Another value of each type."""


@dataclass
class Attack:
    """A superuser's connection to the database of a sealed log."""

    ledger: Ledger
    connection: asyncpg.Connection

    @classmethod
    async def begin(cls, ledger: Ledger) -> "Attack":
        """Remember the log as it is."""
        connection = await asyncpg.connect(ledger.admin)
        await connection.execute(WITHOUT_TRIGGERS)
        for table in COLUMNS:
            await connection.execute(f"CREATE TABLE before_{table} AS TABLE {table}")
        return cls(ledger, connection)

    async def restore(self) -> None:
        """Put back what was there."""
        async with self.connection.transaction():
            await self.connection.execute("TRUNCATE audit_kept")
            for table in COLUMNS:
                await self.connection.execute(f"TRUNCATE {table}")
                await self.connection.execute(f"INSERT INTO {table} SELECT * FROM before_{table}")

    async def row(self, table: str, number: int) -> str:
        """The place of a row on the disk, as a condition."""
        rows = await self.connection.fetch(
            f"SELECT tableoid::regclass::text AS part, ctid::text FROM {table} ORDER BY {ORDER[table]}"
        )
        row = rows[number % len(rows)]
        return f"tableoid = '{row['part']}'::regclass AND ctid = '{row['ctid']}'"

    async def change(self, table: str, column: str, number: int, *, by: int = 1) -> None:
        """Another value in one column of one row."""
        kind = await self.connection.fetchval(
            "SELECT data_type FROM information_schema.columns WHERE table_name = $1 AND column_name = $2",
            table,
            column,
        )
        where = await self.row(table, number)
        other = _OTHER[kind].format(column, by=by)
        await self.connection.execute(f"UPDATE {table} SET {column} = {other} WHERE {where}")

    async def delete(self, table: str, number: int) -> None:
        """One row less."""
        await self.connection.execute(f"DELETE FROM {table} WHERE {await self.row(table, number)}")

    async def insert(self, table: str, number: int, **changes: str) -> None:
        """A copy of a row, with some columns (expressions) changed."""
        names = COLUMNS[table]
        values = ", ".join(changes.get(name, name) for name in names)
        where = await self.row(table, number)
        await self.connection.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} WHERE {where}"
        )

    async def swap(self, table: str, one: int, other: int, columns: str) -> None:
        """Two rows exchange some of their values."""
        rows = await self.connection.fetch(
            f"SELECT {columns}, ctid::text FROM {table} ORDER BY {ORDER[table]}"
        )
        first, second = rows[one % len(rows)], rows[other % len(rows)]
        parts = [await self.row(table, number) for number in (one, other)]
        names = columns.split(", ")
        # Past the unique index on the place: the first row goes aside first.
        if "place" in names:
            await self.connection.execute(f"UPDATE {table} SET place = -1 WHERE {parts[0]}")
            parts[0] = "place = -1"
        for where, values in ((parts[1], first), (parts[0], second)):
            sets = ", ".join(f"{name} = ${number}" for number, name in enumerate(names, start=1))
            await self.connection.execute(
                f"UPDATE {table} SET {sets} WHERE {where}", *(values[name] for name in names)
            )

    async def cut(self, batches: int) -> None:
        """Remove the newest batches with everything that tells of them."""
        for (batch,) in await self.connection.fetch(
            "SELECT batch FROM audit_batches ORDER BY batch DESC LIMIT $1", batches
        ):
            first = await self.connection.fetchval("SELECT first FROM audit_seals WHERE batch = $1", batch)
            await self.connection.execute("DELETE FROM audit_heads WHERE size > $1", first)
            for table in ("audit_events", "audit_batches", "audit_seals"):
                await self.connection.execute(f"DELETE FROM {table} WHERE batch = $1", batch)
