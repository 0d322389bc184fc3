"""Whatever a superuser changes in the database behind our back is found, and the first bad row is named."""

# ruff: noqa: S608 - statements of this test, with names of our own tables

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.audit.ledger import Ledger
from tests.integration.audit.tampering import COLUMNS, Attack

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

SIZES = (3, 1, 4, 2)
ROWS = sum(SIZES)
EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
EVERY_COLUMN = [(table, column) for table, columns in COLUMNS.items() for column in columns]
NUMBERS = st.integers(0, ROWS - 1)


@pytest_asyncio.fixture
async def attack(ledger: Ledger) -> AsyncIterator[Attack]:
    """A superuser in front of a log of four batches, and nothing outside that remembers it."""
    await ledger.fill(*SIZES)
    ledger.file.forget()
    made = await Attack.begin(ledger)
    assert (await ledger.verify()).bad is None
    yield made
    await made.connection.close()


@pytest.mark.parametrize(("table", "column"), EVERY_COLUMN)
async def test_a_change_of_any_column_of_any_row_is_found(attack: Attack, table: str, column: str) -> None:
    for number in range(ROWS if table == "audit_events" else len(SIZES)):
        await attack.change(table, column, number, by=1000)

        found = await attack.ledger.verify()

        assert found.bad is not None, (table, column, number)
        if table == "audit_events" and column not in {"batch", "place"}:
            assert (found.bad.code, found.bad.row) == ("row_altered", number)
        await attack.restore()
    assert (await attack.ledger.verify()).bad is None


@pytest.mark.parametrize("table", COLUMNS)
async def test_a_row_that_is_gone_is_found(attack: Attack, table: str) -> None:
    for number in range(ROWS if table == "audit_events" else len(SIZES)):
        await attack.delete(table, number)

        found = await attack.ledger.verify()

        if table == "audit_heads" and number == len(SIZES) - 1:
            # The log was sealed further than any head says: so seals are left over.
            assert found.bad is not None
            assert found.bad.code == "chain_altered"
        else:
            assert found.bad is not None, (table, number)
        if table == "audit_events":
            assert (found.bad.code, found.bad.row) == ("row_missing", number)
        await attack.restore()


@EXAMPLES
@given(
    number=NUMBERS,
    batch=st.sampled_from(["batch", "batch + 1", "batch - 1", "-7", "0", "1 << 40"]),
    far=NUMBERS,
)
async def test_an_inserted_event_is_found(attack: Attack, number: int, batch: str, far: int) -> None:
    await attack.insert(
        "audit_events",
        number,
        batch=batch,
        place=f"place + {far + 1}",
        row_id="row_id || '-forged'",
        event_id="event_id || '-forged'",
    )

    found = await attack.ledger.verify()
    await attack.restore()

    assert found.bad is not None
    assert found.bad.event_id.endswith("-forged")
    assert found.bad.code == "row_inserted"


@EXAMPLES
@given(
    number=NUMBERS, table=st.sampled_from(["audit_batches", "audit_seals"]), batch=st.integers(-2, 1 << 50)
)
async def test_an_inserted_batch_or_seal_is_found(
    attack: Attack, number: int, table: str, batch: int
) -> None:
    taken = {row["batch"] for row in await attack.connection.fetch("SELECT batch FROM audit_batches")}
    if batch in taken:
        return
    await attack.insert(table, number, batch=str(batch))

    found = await attack.ledger.verify()
    await attack.restore()

    assert found.bad is not None


@EXAMPLES
@given(number=NUMBERS, size=st.integers(0, 2 * ROWS), table=st.sampled_from(["audit_heads", "audit_kept"]))
async def test_an_inserted_head_is_found(attack: Attack, number: int, size: int, table: str) -> None:
    where = await attack.row("audit_heads", number)
    day = "day + 1" if table == "audit_heads" else "day"
    await attack.connection.execute(
        f"INSERT INTO {table} SELECT {size}, {day}, frontier, signer, signed FROM audit_heads WHERE {where}"
    )

    found = await attack.ledger.verify()
    await attack.restore()

    assert found.bad is not None


@EXAMPLES
@given(
    one=NUMBERS,
    other=NUMBERS,
    how=st.sampled_from(
        [
            ("audit_events", "batch, place"),
            ("audit_events", "reason, principal, status, row_id"),
            ("audit_batches", "body"),
            ("audit_batches", "signed"),
            ("audit_batches", "body, signed"),
            ("audit_seals", "links"),
            ("audit_seals", "first, previous, links"),
            ("audit_heads", "signed"),
            ("audit_heads", "frontier, signed"),
        ]
    ),
)
async def test_two_rows_that_changed_places_are_found(
    attack: Attack, one: int, other: int, how: tuple[str, str]
) -> None:
    table, columns = how
    rows = ROWS if table == "audit_events" else len(SIZES)
    if one % rows == other % rows:
        return
    await attack.swap(table, one, other, columns)

    found = await attack.ledger.verify()
    await attack.restore()

    assert found.bad is not None
    if table == "audit_events":
        assert found.bad.row == min(one, other)


@pytest.mark.parametrize("batches", range(1, len(SIZES) + 1))
async def test_a_tail_that_was_cut_off_is_found_by_a_head_that_somebody_else_has(
    attack: Attack, batches: int
) -> None:
    partners = (await attack.ledger.database.audit_log.tail()).head
    assert partners is not None
    await attack.cut(batches)

    alone = await attack.ledger.verify()
    together = await attack.ledger.verify(known=[partners.signed])
    await attack.restore()

    assert alone.bad is None  # the database alone cannot tell: it once was like this
    assert together.bad is not None
    assert together.bad.code == "log_truncated"
    assert together.bad.row == sum(SIZES[: len(SIZES) - batches])


@pytest.mark.parametrize(
    "change", ["UPDATE other SET reason = 'x' WHERE place = 2", "DELETE FROM other WHERE place = 2"]
)
async def test_a_replaced_partition_is_found(attack: Attack, change: str) -> None:
    run = attack.connection.execute
    part, bound = await attack.connection.fetchrow(
        "SELECT e.tableoid::regclass::text, pg_get_expr(relpartbound, c.oid) FROM audit_events e"
        " JOIN pg_class c ON c.oid = e.tableoid LIMIT 1"
    )
    await run(f"CREATE TABLE other (LIKE {part} INCLUDING ALL)")
    await run(f"INSERT INTO other SELECT * FROM {part}")
    await run(change)
    await run(f"ALTER TABLE audit_events DETACH PARTITION {part}")
    await run(f"ALTER TABLE audit_events ATTACH PARTITION other {bound}")

    found = await attack.ledger.verify()

    assert found.bad is not None
    assert found.bad.row == 2


async def test_a_partition_that_was_dropped_is_found(attack: Attack) -> None:
    part = await attack.connection.fetchval("SELECT tableoid::regclass::text FROM audit_events LIMIT 1")
    await attack.connection.execute(f"DROP TABLE {part}")

    found = await attack.ledger.verify()

    assert found.bad is not None
    assert (found.bad.code, found.bad.row) == ("row_missing", 0)


async def test_rows_that_nobody_of_us_stored_are_never_sealed(attack: Attack) -> None:
    await attack.insert("audit_batches", 0, batch="1 << 40")
    await attack.insert("audit_events", 0, batch="1 << 40", row_id="'forged'", event_id="'forged'")

    await attack.ledger.fill(2, first=100)

    found = await attack.ledger.verify()
    assert found.total == ROWS + 2
    assert found.bad is not None
    assert found.bad.code in {"batch_altered", "batch_forged"}
