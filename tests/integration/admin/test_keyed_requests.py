"""Keys of requests over a real PostgreSQL: done once, whoever dies in the middle."""

import asyncio

import asyncpg
import pytest

from tests.unit.admin.world import PARTNER, World, node

pytestmark = pytest.mark.integration

NODES = "/api/v1/federation/nodes"
END = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND query LIKE '%FROM head%' AND datname = current_database()
"""
KEY = {"Idempotency-Key": "the-key"}


async def test_of_many_at_once_one_is_done(world: World) -> None:
    answers = await asyncio.gather(
        *(world.call("POST", NODES, node(), headers=KEY) for _ in range(12)), return_exceptions=False
    )
    last = await world.call("POST", NODES, node(), headers=KEY)

    assert {answer.status for answer in answers} <= {201, 409}
    assert {answer.code for answer in answers if answer.status == 409} <= {"key_in_use"}
    done = [answer for answer in (*answers, last) if answer.status == 201]
    assert sum("Idempotency-Replayed" not in answer.headers for answer in done) == 1
    assert all(answer.document == last.document for answer in done)
    history = await world.call("GET", "/api/v1/federation/history")
    assert [each["named"] for each in history.document["items"]] == [[f"node lb-1@{PARTNER}"]]


async def test_when_the_connection_dies_neither_change_nor_answer_is_there(
    world: World, database_url: str
) -> None:
    """Somebody else holds the head; meanwhile PostgreSQL ends the request's session."""
    holder, watcher = [await asyncpg.connect(database_url) for _ in range(2)]
    try:
        async with holder.transaction():
            await holder.execute("SELECT revision FROM head FOR UPDATE")
            request = asyncio.create_task(world.call("POST", NODES, node(), headers=KEY))
            async with asyncio.timeout(30):
                while not await watcher.fetchval(END):  # noqa: ASYNC110 - it is PostgreSQL that says it
                    await asyncio.sleep(0.02)
            lost = await request
        shown = await world.call("GET", f"{NODES}/lb-1@{PARTNER}")

        again = await world.call("POST", NODES, node(), headers=KEY)
    finally:
        for connection in (holder, watcher):
            await connection.close()

    assert (lost.status, shown.status) == (503, 404)
    assert again.status == 201
    assert "Idempotency-Replayed" not in again.headers


async def test_a_refused_change_leaves_nothing_in_the_transaction(world: World) -> None:
    await world.call("POST", NODES, node())

    refused = await world.call("POST", NODES, node(), headers=KEY)
    other = await world.call("POST", NODES, node("lb-2"), headers=KEY)

    assert (refused.status, refused.code) == (409, "already_exists")
    assert other.status == 201
