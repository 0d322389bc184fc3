"""What only the real tables show: history, hostile audit rows, load, locks, lost notifications."""

import asyncio
import time

import asyncpg
import pytest

from control_plane.model.change import Item, Kind
from control_plane.model.delivery import Delivery, Refusal
from control_plane.ports.audit import AuditQuery, Checkpoint
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.errors import UnavailableError
from control_plane.ports.objects import Mode, Write
from control_plane.store.database import Database
from control_plane.store.feed import Feed
from tests.fakes.values import LUEBECK, MOMENT, audit_event, node
from tests.integration.store.servers import execute, value_of

pytestmark = pytest.mark.integration

# How many connections to a test's database were ended; but for the feed's there are none.
CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def test_every_change_is_in_the_history_with_its_author(database: Database, database_url: str) -> None:
    await database.objects.write([Write(Kind.NODE, node().key, node())], actor="ada")
    await database.objects.write([Write(Kind.NODE, node().key, node())], actor="nobody")  # no difference
    await database.objects.write([Write(Kind.NODE, node().key, None, Mode.DELETE)], actor="bob")

    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch(
        "SELECT key, revision, body IS NULL AS gone, actor FROM history ORDER BY revision"
    )
    await connection.close()

    assert [tuple(row) for row in rows] == [(node().key, 1, False, "ada"), (node().key, 2, True, "bob")]


async def test_ten_thousand_objects_are_one_change(database: Database) -> None:
    values = [node(f"n{number}") for number in range(10_000)]

    revision = await database.objects.write(
        [Write(Kind.NODE, value.key, value) for value in values], actor="ada"
    )

    change = await database.objects.changes(0)
    assert revision == change.revision == 1
    assert {item.key for item in change.items} == {value.key for value in values}
    assert len((await database.objects.changes(0)).items) == len(values)


async def test_many_changes_since_a_revision_are_told_completely(database: Database) -> None:
    await database.objects.write([Write(Kind.NODE, node("first").key, node("first"))], actor="ada")
    values = [node(f"n{number}") for number in range(1_200)]
    await database.objects.write([Write(Kind.NODE, value.key, value) for value in values], actor="ada")
    await database.objects.write([Write(Kind.NODE, f"n7@{LUEBECK}", None, Mode.DELETE)], actor="ada")

    change = await database.objects.changes(1)

    assert change.revision == 3
    assert len(change.items) == len(values)
    assert Item(Kind.NODE, f"n7@{LUEBECK}", None) in change.items


async def test_an_object_that_cannot_be_read_counts_as_gone_and_stops_nothing(
    database: Database, database_url: str
) -> None:
    await database.objects.write([Write(Kind.NODE, v.key, v) for v in map(node, "abc")], actor="ada")
    await execute(database_url, """UPDATE objects SET body = '{"node_id": 7}' WHERE key LIKE 'a@%'""")
    await execute(database_url, "UPDATE objects SET kind = 'of-a-newer-version' WHERE key LIKE 'c@%'")

    change = await database.objects.changes(0)

    assert change.items == (
        Item(Kind.NODE, f"a@{LUEBECK}", None),
        Item(Kind.NODE, f"b@{LUEBECK}", node("b")),
    )


async def test_a_row_with_anything_in_it_is_stored_and_says_what_was_altered(database: Database) -> None:
    hostile = audit_event(
        1,
        reason="NUL \0 and \ud800",
        principal="spiffe://" + "ü" * 5_000,
        correlation_id="c" * 70_000,
        row_id="r" * 3_000,
        bytes=2**70,
        metadata={"path\0": "\0"},
    )
    other = audit_event(1, row_id="r" * 3_001)

    first = await database.audit.append([hostile, other], Checkpoint("gw-1", "access", "access-1", 10))
    again = await database.audit.append([hostile, other])

    assert (first, again) == (2, 0)
    stored = next(row for row in await database.audit.query(AuditQuery()) if "path\ufffd" in row.metadata)
    assert stored.reason == "NUL \ufffd and \ufffd\ufffd\ufffd"
    assert len(stored.principal.encode()) <= 2048
    assert stored.bytes is None
    assert stored.metadata["altered"] == "bytes,correlation_id,metadata,principal,reason,row_id"
    assert await database.audit.query(AuditQuery(correlation_id=stored.correlation_id)) == [stored]


async def test_rows_and_checkpoint_are_stored_together_or_not_at_all(database: Database) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        await database.audit.append([audit_event(1)], Checkpoint("gw-1", "access", "access-1", 2**63))

    assert await database.audit.query(AuditQuery()) == []
    assert await database.audit.checkpoints("gw-1") == ()


async def test_envoys_words_may_hold_anything(database: Database) -> None:
    refused = (Refusal("name", "v1", "bad \0 text", 1.0),)
    state = GatewayState("gw-1", True, (Delivery("type", 1, 0, 0, refused),), "replica-1", MOMENT)  # noqa: FBT003 - a fact, not a switch

    await database.deliveries.save([state])

    stored = (await database.deliveries.all())[0]
    assert stored.deliveries[0].refused[0].detail == "bad \ufffd text"


async def test_a_writer_that_is_kept_waiting_gives_up_and_changes_nothing(
    database: Database, database_url: str
) -> None:
    other = await asyncpg.connect(database_url)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT revision FROM head FOR UPDATE")

    with pytest.raises(UnavailableError, match="lock timeout"):
        await database.objects.write([Write(Kind.NODE, node().key, node())], actor="ada")

    await transaction.rollback()
    await other.close()
    assert (await database.objects.changes(0)).items == ()
    assert await database.objects.write([Write(Kind.NODE, node().key, node())], actor="ada") == 1


async def test_a_lost_notification_only_delays(database_url: str) -> None:
    feed = Feed(database_url, poll=0.2)  # nobody runs it: no notification ever arrives
    wakeups = feed.wakeups()

    started = time.monotonic()
    for _ in range(3):
        await anext(wakeups)
    waited = time.monotonic() - started
    await wakeups.aclose()  # type: ignore[attr-defined] # it is a generator

    assert 0.3 < waited < 5


async def test_the_feed_listens_again_when_its_connection_is_cut(
    database: Database, database_url: str
) -> None:
    wakeups = database.objects.wakeups()
    await anext(wakeups)
    async with asyncio.timeout(10):
        while not await value_of(database_url, CUT):  # noqa: ASYNC110 - the feed connects in its own time
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    async with asyncio.timeout(2):
        await anext(wakeups)  # of connecting again

    await database.objects.write([Write(Kind.NODE, node().key, node())], actor="ada")
    async with asyncio.timeout(2):  # sooner than polling
        await anext(wakeups)
    await wakeups.aclose()  # type: ignore[attr-defined] # it is a generator
