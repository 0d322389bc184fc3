"""The log on a real PostgreSQL: sealing, verification, and what the application may not do."""

import asyncpg
import pytest

from control_plane.ports.audit import AuditQuery
from tests.integration.audit.ledger import Ledger, event

pytestmark = pytest.mark.integration


async def test_what_was_stored_is_sealed_and_verifies(ledger: Ledger) -> None:
    await ledger.fill(3, 1, 250)

    found = await ledger.verify()

    assert found.bad is None
    assert (found.walk.rows, found.total, found.unsealed) == (254, 254, 0)
    assert found.compared == 3  # each sealer files its first head outside of the database


async def test_an_empty_log_verifies(ledger: Ledger) -> None:
    found = await ledger.verify()

    assert (found.bad, found.total) == (None, 0)


async def test_rows_show_their_place_in_the_chain_once_they_are_sealed(ledger: Ledger) -> None:
    await ledger.fill(2, 3)
    await ledger.fill(1, seal=False, first=100)

    rows = sorted(await ledger.database.audit.query(AuditQuery()), key=lambda row: row.timestamp)

    *sealed, waiting = rows
    assert (waiting.hash, waiting.previous_hash) == ("", "")
    assert [row.previous_hash for row in sealed[1:]] == [row.hash for row in sealed[:-1]]
    assert len({row.hash for row in sealed}) == 5
    found = await ledger.verify()
    assert (found.bad, found.unsealed) == (None, 1)


async def test_what_arrives_again_is_not_in_the_log_again(ledger: Ledger) -> None:
    await ledger.fill(5)

    new = await ledger.database.audit.append([event(number) for number in range(3, 9)])
    again = await ledger.database.audit.append([event(number) for number in range(1, 9)])
    await ledger.seal()

    assert (new, again) == (3, 0)
    found = await ledger.verify()
    assert (found.bad, found.total) == (None, 8)


STATEMENTS = (
    "DELETE FROM {}",
    "TRUNCATE {}",
    "DROP TABLE {}",
    "ALTER TABLE {} DISABLE TRIGGER ALL",
    "DROP TRIGGER append_only ON {}",
    "ALTER TABLE {} OWNER TO proxenia",
    "CREATE TRIGGER mine BEFORE INSERT ON {} EXECUTE FUNCTION refuse_change()",
)


COLUMN = {
    "audit_events": "reason",
    "audit_batches": "body",
    "audit_seals": "links",
    "audit_heads": "signed",
    "history": "actor",
}


@pytest.mark.parametrize("table", COLUMN)
async def test_the_application_cannot_change_records_nor_give_itself_the_right(
    ledger: Ledger, table: str
) -> None:
    await ledger.fill(2)
    connection = await asyncpg.connect(ledger.url)

    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("SET ROLE proxenia_owner")
        await connection.execute(f"GRANT ALL ON {table} TO proxenia")  # a warning, and nothing is granted
        column = COLUMN[table]
        for statement in (f"UPDATE {table} SET {column} = {column}", *STATEMENTS):  # noqa: S608 - ours
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement.format(table))
        partitions = await connection.fetch(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::text::regclass", table
        )
        for (partition,) in partitions:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"DELETE FROM {partition}")  # noqa: S608 - ours
    finally:
        await connection.close()
    assert (await ledger.verify()).bad is None
