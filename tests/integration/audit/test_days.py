"""Days of the audit: rows that arrive late, days that are dropped, a slow database, and a restored one."""

from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from control_plane.audit.retention import Retention
from control_plane.ports.audit import AuditQuery
from control_plane.ports.errors import UnavailableError
from tests.integration.audit.ledger import Ledger, event, now
from tests.unit.peering.world import LUEBECK

pytestmark = pytest.mark.integration
LONG_AGO = timedelta(days=100)


def retention(ledger: Ledger) -> Retention:
    return Retention(
        own=LUEBECK,
        store=ledger.database.audit,
        log=ledger.database.audit_log,
        singleton=ledger.database.singleton,
        days=90,
        now=now,
    )


async def days_of(ledger: Ledger, table: str) -> set[date]:
    """The days that have a partition."""
    connection = await asyncpg.connect(ledger.url)
    try:
        names = await connection.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::text::regclass",
            table,
        )
    finally:
        await connection.close()
    ends = [row["name"].rpartition("_")[2] for row in names]
    return {datetime.strptime(end, "%Y%m%d").replace(tzinfo=UTC).date() for end in ends if end.isdigit()}


async def store(ledger: Ledger, ago: timedelta, *, first: int = 1, count: int = 3) -> date:
    """Rows of that long ago, which arrive now; their day."""
    moment = (now() - ago).replace(hour=12)
    await ledger.database.audit.append([event(first + number, at=moment) for number in range(count)])
    return moment.date()


async def test_a_spool_of_a_week_ago_lands_in_the_partition_of_its_day(ledger: Ledger) -> None:
    day = await store(ledger, timedelta(days=7))
    await ledger.seal()

    found = await ledger.verify()

    assert day in await days_of(ledger, "audit_events")
    assert (found.bad, found.total) == (None, 3)


@pytest.mark.parametrize("ago", [timedelta(days=5000), timedelta(days=-30)])
async def test_rows_of_a_gateway_with_a_wrong_clock_are_stored_too(ledger: Ledger, ago: timedelta) -> None:
    await store(ledger, ago)
    await ledger.seal()

    found = await ledger.verify()

    assert len(await ledger.database.audit.query(AuditQuery())) == 3
    assert (found.bad, found.total) == (None, 3)


async def test_old_days_are_dropped_and_the_log_still_verifies(ledger: Ledger) -> None:
    old = await store(ledger, LONG_AGO)
    await ledger.seal()
    await ledger.fill(4, first=100)

    await retention(ledger).once()
    await ledger.seal()

    found = await ledger.verify()
    assert old not in await days_of(ledger, "audit_events")
    assert (found.bad, found.walk.gone) == (None, 3)
    actions = [row.action for row in await ledger.database.audit.query(AuditQuery(reporter="control-plane"))]
    assert actions == ["audit.retire"]


async def test_a_day_that_was_dropped_without_a_word_is_missed(ledger: Ledger) -> None:
    await store(ledger, LONG_AGO)
    await ledger.seal()
    await ledger.database.audit_log.retire(now().date() - timedelta(days=90))

    found = await ledger.verify()

    assert found.bad is not None
    assert (found.bad.code, found.bad.row) == ("row_missing", 0)


async def test_the_last_head_of_dropped_days_is_kept_and_verification_begins_there(ledger: Ledger) -> None:
    await store(ledger, LONG_AGO)
    await ledger.seal(at=now() - LONG_AGO)
    await ledger.fill(4, first=100)

    await retention(ledger).once()
    await ledger.seal()

    found = await ledger.verify()
    kept = await ledger.database.audit_reader.kept()
    assert [head.size for head in kept] == [3]
    assert (found.bad, found.total, found.walk.rows) == (None, 8, 5)


@pytest.mark.parametrize("days", [0, 6])
async def test_young_days_cannot_be_dropped_by_the_application(ledger: Ledger, days: int) -> None:
    await ledger.fill(2)

    with pytest.raises(UnavailableError, match="keeps its rows"):
        await ledger.database.audit_log.retire(now().date() - timedelta(days=days))

    assert (await ledger.verify()).bad is None


async def test_what_is_not_sealed_yet_is_not_dropped(ledger: Ledger) -> None:
    old = await store(ledger, LONG_AGO)

    dropped = await ledger.database.audit_log.retire(now().date() - timedelta(days=90))

    assert dropped == 1  # its rows; what was stored with them stays until it is in the log
    assert old not in await days_of(ledger, "audit_events")
    await ledger.seal()
    found = await ledger.verify()
    assert found.bad is not None
    assert found.bad.code == "row_missing"


async def test_a_database_that_takes_two_seconds_for_a_statement_stores_seals_and_verifies(
    ledger: Ledger,
) -> None:
    await ledger.fill(1)
    await ledger.tamper(
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$",
        *(
            f"CREATE TRIGGER slowly AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION slowly()"
            for table in ("audit_events", "audit_batches", "audit_heads")
        ),
    )

    await ledger.fill(5, first=10)

    found = await ledger.verify()
    assert (found.bad, found.total) == (None, 6)


async def test_a_database_restored_from_a_dump_goes_on_with_its_log(ledger: Ledger) -> None:
    """There transaction numbers begin anew: as if all that is stored had far higher ones."""
    await ledger.fill(3)
    last = 1 << 40
    await ledger.database.audit_log.renew(last)

    await ledger.fill(4, first=100)

    found = await ledger.verify()
    assert (found.bad, found.total) == (None, 7)
    assert found.walk.batch > last
