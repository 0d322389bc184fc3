"""What happens, as a stream that a client can resume: nothing is told twice, and nothing is lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from control_plane.admin import newsroom
from control_plane.admin.happening import Item, News, Place, Wanted, of_row
from control_plane.admin.newsroom import Follower
from control_plane.admin.tokens import Role, revoke_token
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.change import Kind
from control_plane.ports.audit_use import Numbered
from control_plane.ports.objects import Write
from tests.fakes.values import node, one_of_each
from tests.unit.admin.world import World

PATH = "/api/v1/events"


@dataclass(frozen=True)
class Told:
    id: str
    event: str
    data: Any


@asynccontextmanager
async def following(world: World, last: str = "", **query: str) -> AsyncIterator[AsyncIterator[Told]]:
    assert world.session is not None
    headers = {"Last-Event-ID": last} if last else {}
    async with world.session.get(f"http://localhost{PATH}", params=query, headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        yield told(answer)


async def told(answer: aiohttp.ClientResponse) -> AsyncIterator[Told]:
    fields: dict[str, str] = {}
    async for raw in answer.content:
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield Told(fields.get("id", ""), fields["event"], json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


async def first(stream: AsyncIterator[Told], count: int) -> list[Told]:
    found: list[Told] = []
    async with asyncio.timeout(10):
        async for one in stream:
            found.append(one)
            if len(found) == count:
                break
    return found


def row(number: int, kind: EventType = EventType.OPERATOR_ACTION) -> AuditEvent:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return AuditEvent(
        event_id=f"e-{number}", reporter="gw", row_id=str(number), timestamp=moment, event_type=kind
    )


async def change(world: World, port: int) -> None:
    await world.objects.write([Write(Kind.NODE, node().key, node(port=port))], actor="ada")


async def test_changes_and_rows_are_told_as_they_happen_and_health_at_once(world: World) -> None:
    await change(world, 1)

    async with following(world) as stream:
        health = await first(stream, 1)
        await change(world, 2)
        await world.audit.append([row(1), row(2, EventType.CIRCUIT_OPENED)])
        news = await first(stream, 3)

    assert [(one.event, one.id) for one in health] == [("health", "")]
    assert health[0].data["verdict"] == "problem"
    assert [(one.event, one.id) for one in news] == [("change", "2-0"), ("audit", "2-1"), ("circuit", "2-2")]
    assert (news[0].data["actor"], news[0].data["named"]) == ("ada", [f"node {node().key}"])
    assert news[2].data["event_id"] == "e-2"


async def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_twice(world: World) -> None:
    for port in range(1, 4):
        await change(world, port)
    await world.audit.append([row(number) for number in range(3)])

    async with following(world, "1-1", kind="change,audit") as stream:
        missed = await first(stream, 4)
        await change(world, 9)
        new = await first(stream, 1)

    assert [one.id for one in (*missed, *new)] == ["2-1", "3-1", "3-2", "3-3", "4-3"]


async def test_only_what_was_asked_for_is_told(world: World) -> None:
    grant = one_of_each()[Kind.GRANT]

    async with following(world, "0-0", kind="change", object="grant,resource") as stream:
        await change(world, 1)
        await world.audit.append([row(1)])
        await world.objects.write([Write(Kind.GRANT, grant.key, grant)], actor="ada")
        found = await first(stream, 1)

    assert [(one.event, one.data["kinds"]) for one in found] == [("change", ["grant"])]


async def test_an_id_of_the_future_is_said_to_be_unknown(world: World) -> None:
    async with following(world, "7-7") as stream:
        found = await first(stream, 1)

    assert (found[0].event, found[0].data["code"]) == ("gap", "unknown_id")


async def test_a_stream_that_nobody_reads_any_more_is_forgotten(world: World) -> None:
    async with following(world, kind="change") as stream:
        await change(world, 1)
        await first(stream, 1)
        assert world.room.followers == 1

    async with asyncio.timeout(10):
        while world.room.followers:
            await change(world, 1 + world.objects.revision)  # what is written notices it
            await asyncio.sleep(0.05)


async def test_a_token_that_counts_no_more_ends_its_stream(world: World) -> None:
    assert world.serving is not None
    url = f"http://127.0.0.1:{world.serving.port}{PATH}?kind=change"
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=world.bearer(Role.VIEWER)) as answer,
    ):
        revoke_token(world.token_file, Role.VIEWER.value)
        async with asyncio.timeout(10):
            said = [one async for one in told(answer)]

    assert [(one.event, one.data["code"]) for one in said] == [("gap", "not_authenticated")]


@pytest.mark.parametrize("query", ["kind=weather", "object=weather", "object=sighting", "after=1", "limit=1"])
async def test_what_means_nothing_is_refused(world: World, query: str) -> None:
    answer = await world.call("GET", f"{PATH}?{query}")

    assert answer.status == 400


async def test_an_id_that_is_none_is_refused(world: World) -> None:
    answer = await world.call("GET", PATH, headers={"Last-Event-ID": "yesterday"})

    assert (answer.status, answer.code) == (422, "bad_parameter") or answer.status == 400


def test_who_does_not_read_is_behind_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newsroom, "MAX_QUEUE", 3)
    slow = Follower(Wanted(frozenset(News)))

    for number in range(10):
        slow.offer(Item(News.CHANGE, b"{}", Place(number)))

    assert slow.behind
    assert [str(item.place) for item in slow.items] == ["0-0", "1-0", "2-0"]


def test_rows_that_are_not_kept_any_more_are_said_to_be_missing() -> None:
    items = of_row(Numbered(12, row(12)), Place(3, 10))

    assert [(item.news, item.code) for item in items] == [(News.GAP, "not_kept"), (News.AUDIT, "")]
    assert str(items[1].place) == "3-13"
