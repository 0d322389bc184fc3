"""What pages are told while they are open: rows, that there is news, and what was missed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest

from control_plane.admin.dashboard import lookout, news
from control_plane.admin.dashboard.lookout import MAX_ROWS
from control_plane.admin.dashboard.news import MAX_FOLLOWERS
from control_plane.admin.dashboard.sessions import SESSION_SECONDS
from control_plane.admin.tokens import Role, revoke_token, rotate_token
from tests.fakes.values import audit_event
from tests.unit.admin.browsing import FORM
from tests.unit.admin.world import World

SOON = 10.0  # seconds


class Stream:
    """The events of one open page."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self._content = answer.content
        self.last = ""

    async def next(self, wanted: str) -> str:
        """The data of the next event of this name."""
        async with asyncio.timeout(SOON):
            while True:
                fields: dict[str, list[str]] = {}
                while line := (await self._content.readline()).decode().rstrip("\n"):
                    name, _, value = line.partition(": ")
                    fields.setdefault(name, []).append(value)
                self.last = fields.get("id", [self.last])[0]
                if fields.get("event") == [wanted]:
                    return "\n".join(fields["data"])

    def leave(self) -> None:
        """As a browser that goes to another page."""
        self._answer.close()

    async def rest(self) -> bytes:
        """What comes until the end, which must come."""
        async with asyncio.timeout(SOON):
            return await self._content.read()


@pytest.fixture
async def session(world: World) -> AsyncIterator[aiohttp.ClientSession]:
    assert world.serving is not None
    base = f"http://127.0.0.1:{world.serving.port}"
    async with aiohttp.ClientSession(base, cookie_jar=aiohttp.CookieJar(unsafe=True)) as made:
        data = f"token={world.tokens[Role.VIEWER]}"
        async with made.post("/ui/login", data=data, headers=FORM, allow_redirects=False) as answer:
            assert answer.status == 303
        yield made


@asynccontextmanager
async def opened(session: aiohttp.ClientSession, last: str = "", **seen: str) -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": last} if last else {}
    async with session.get("/ui/events", headers=headers, params=seen) as answer:
        assert answer.status == 200
        yield Stream(answer)


async def test_rows_come_as_the_page_shows_them_the_oldest_first(
    world: World, session: aiohttp.ClientSession
) -> None:
    await world.audit.append([audit_event(1)])

    async with opened(session) as stream:
        await world.audit.append([audit_event(2), audit_event(3, resource="<b>@home.example")])
        rows = await stream.next("rows")

    ids = [audit_event(number).event_id for number in (1, 2, 3)]
    assert [identifier in rows for identifier in ids] == [False, True, True]
    assert rows.index(ids[1]) < rows.index(ids[2])
    assert "&lt;b&gt;" in rows


async def test_a_page_that_comes_back_gets_what_it_missed_and_nothing_twice(
    world: World, session: aiohttp.ClientSession
) -> None:
    async with opened(session) as stream:
        await world.audit.append([audit_event(1)])
        await stream.next("rows")
        last = stream.last
    await world.audit.append([audit_event(2)])

    async with opened(session, last) as stream:
        rows = await stream.next("rows")

    assert audit_event(1).event_id not in rows
    assert audit_event(2).event_id in rows


async def test_a_new_page_gets_what_came_since_it_was_made(
    world: World, session: aiohttp.ClientSession
) -> None:
    await world.audit.append([audit_event(1)])
    seen = await _seen(session)
    world.overview.revision += 1
    await world.audit.append([audit_event(2)])

    async with opened(session, state=seen, row=audit_event(1).event_id) as stream:
        rows = await stream.next("rows")
        state = await stream.next("news")
    assert audit_event(1).event_id not in rows
    assert audit_event(2).event_id in rows

    # The page that is made from this has nothing to hear.
    assert await _seen(session) == state
    async with opened(session, state=state, row=audit_event(2).event_id) as stream:
        world.overview.revision += 1
        assert await stream.next("news") != state


async def test_a_page_that_shows_no_row_yet_gets_the_first(
    world: World, session: aiohttp.ClientSession
) -> None:
    await world.audit.append([audit_event(1)])

    async with opened(session, row="") as stream:
        assert audit_event(1).event_id in await stream.next("rows")


@pytest.mark.parametrize("field", ["state", "row"])
async def test_what_a_page_says_it_has_seen_makes_no_events(
    world: World, session: aiohttp.ClientSession, field: str
) -> None:
    await world.audit.append([audit_event(1)])

    async with opened(session, **{field: "x\n\nevent: rows\ndata: forged\n\n"}) as stream:
        world.overview.revision += 1
        await world.audit.append([audit_event(2)])
        rows = await stream.next("rows")
        assert "x" not in stream.last.rpartition("/")[0]

    assert "forged" not in rows


async def test_who_was_away_for_long_gets_the_newest_only(
    world: World, session: aiohttp.ClientSession
) -> None:
    await world.audit.append([audit_event(number) for number in range(1, 3 * MAX_ROWS)])

    async with opened(session, "1-x-y/long-ago") as stream:
        rows = await stream.next("rows")

    assert rows.count("<tr") == MAX_ROWS
    assert audit_event(3 * MAX_ROWS - 1).event_id in rows


async def test_a_new_revision_and_a_new_problem_are_news(
    world: World, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "SURVEY", 0.0)
    async with opened(session) as stream:
        world.overview.revision += 1
        first = await stream.next("news")
        world.waiting = ("something",)
        second = await stream.next("news")

    assert first != second


async def test_rows_alone_are_news_too_after_a_while(
    world: World, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "FIGURES", 0.1)
    async with opened(session) as stream:
        await world.audit.append([audit_event(1)])
        await stream.next("news")


async def test_with_other_news_curves_are_told_of_too_and_the_row_once_more_when_what_it_tells_of_is_stored(
    world: World, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "FIGURES", 0.5)
    async with opened(session) as stream:
        await world.audit.append([audit_event(1)])
        await stream.next("rows")
        world.overview.revision += 1
        began = asyncio.get_running_loop().time()
        first = await stream.next("news")
        second = await stream.next("news")
        took = asyncio.get_running_loop().time() - began

    row = audit_event(1).event_id[:8]
    assert first.endswith(f"-{row}+")
    assert second.endswith(f"-{row}")
    assert took >= 0.5


async def test_an_absent_database_is_waited_for(world: World, session: aiohttp.ClientSession) -> None:
    async with opened(session) as stream:
        world.audit.down = True
        world.overview.revision += 1
        await stream.next("news")
        world.audit.down = False
        await world.audit.append([audit_event(1)])

        assert audit_event(1).event_id in await stream.next("rows")


async def test_not_more_pages_are_followed_than_there_may_be(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_FOLLOWERS > 1
    monkeypatch.setattr(news, "MAX_FOLLOWERS", 1)
    async with opened(session), session.get("/ui/events") as answer:
        assert answer.status == 503


@pytest.mark.parametrize(
    "how", ["the token is revoked", "the token ends", "signed out elsewhere", "the session ends"]
)
async def test_who_is_not_signed_in_any_more_is_told_so_and_gets_nothing_more(
    world: World, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(news, "ASK", 0.05)
    async with opened(session) as stream:
        await _ended(world, session, how)
        said = await stream.next("ended")
        await world.audit.append([audit_event(1)])
        rest = await stream.rest()

    assert said == "signed out"
    assert rest == b""
    async with session.get("/ui/events") as answer:
        assert answer.status == 401


async def test_who_goes_away_without_a_word_leaves_room_for_others_soon(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "ASK", 0.05)
    monkeypatch.setattr(news, "MAX_FOLLOWERS", 1)
    async with opened(session) as stream:
        stream.leave()

    for _ in range(200):
        if await _status(session) == 200:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it is still counted")


async def _seen(session: aiohttp.ClientSession) -> str:
    """What the overview says it was made from."""
    async with session.get("/ui/") as answer:
        return (await answer.text()).partition('data-seen="')[2].partition('"')[0]


async def _status(session: aiohttp.ClientSession) -> int:
    async with session.get("/ui/events") as answer:
        return answer.status


async def _ended(world: World, session: aiohttp.ClientSession, how: str) -> None:
    match how:
        case "the token is revoked":
            revoke_token(world.token_file, Role.VIEWER.value)
        case "the token ends":
            rotate_token(world.token_file, Role.VIEWER.value, expires_at=datetime(2020, 1, 1, tzinfo=UTC))
        case "signed out elsewhere":
            async with session.get("/ui/") as answer:
                csrf = (await answer.text()).partition('name="csrf" value="')[2].partition('"')[0]
            async with session.post("/ui/logout", data={"csrf": csrf}, allow_redirects=False) as answer:
                assert answer.status == 303
        case "the session ends":
            world.clock = SESSION_SECONDS + 1
