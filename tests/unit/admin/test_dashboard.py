"""The dashboard: who gets in, what a page shows, what a form may do, and that text stays text."""

import re
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.admin.dashboard.pages import PAGES
from control_plane.admin.dashboard.render import printable, span
from control_plane.admin.dashboard.sessions import CODE_SECONDS, MAX_OPEN, SESSION_SECONDS, Sessions, matches
from control_plane.admin.dashboard.topology import MAX_NODES, MAX_PARTNERS, ROOMY, WORDS, Known, draw
from control_plane.admin.tokens import Holder, Role
from control_plane.model.problem import Problem
from control_plane.ports.traffic import Count
from tests.unit.admin.world import PARTNER, World, certificate, node

AGREEMENT = f"/api/v1/federation/agreements/{PARTNER}"
PAUSE = "/api/v1/federation/agreements/{organisation}/pause"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Browser:
    """Cookies and forms of one who signs in with a token."""

    def __init__(self, world: World, session: aiohttp.ClientSession) -> None:
        assert world.serving is not None
        self._root = f"http://127.0.0.1:{world.serving.port}"
        self._session = session

    async def get(self, path: str) -> tuple[int, str, aiohttp.ClientResponse]:
        async with self._session.get(f"{self._root}/ui/{path}") as answer:
            return answer.status, await answer.text(), answer

    async def post(
        self, path: str, fields: dict[str, str], **headers: str
    ) -> tuple[int, str, aiohttp.ClientResponse]:
        async with self._session.post(
            f"{self._root}/ui/{path}",
            data=urlencode(fields),
            headers={**FORM, **headers},
            allow_redirects=False,
        ) as answer:
            return answer.status, await answer.text(), answer

    async def sign_in(self, token: str) -> int:
        return (await self.post("login", {"token": token}))[0]

    async def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.get(""))[1])
        assert found is not None
        return found[1]


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)  # of an address, not of a name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Browser(world, session)


async def trusted(world: World) -> None:
    anchor, _ = certificate()
    terms = {"organisation": PARTNER, "state": "trusted", "bundle": anchor}
    assert (await world.call("POST", "/api/v1/federation/agreements", terms)).status == 201


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path or "overview")
async def test_without_a_session_there_is_only_the_way_in(browser: Browser, page: object) -> None:
    status, text, _ = await browser.get(getattr(page, "path"))  # noqa: B009 - parametrised as an object

    assert status == 401
    assert 'name="token"' in text
    assert "Overview" not in text


@pytest.mark.parametrize("page", [page for page in PAGES if page.title], ids=lambda page: page.path)
async def test_every_page_of_the_menu_is_shown_to_a_viewer(
    world: World, browser: Browser, page: object
) -> None:
    await trusted(world)
    await world.call("POST", "/api/v1/federation/nodes", node())
    await browser.sign_in(world.tokens[Role.VIEWER])

    status, text, answer = await browser.get(getattr(page, "path"))  # noqa: B009 - as above

    assert status == 200
    assert 'aria-current="page"' in text
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert not re.search(r"<script(?! type=\"module\" src=\"/ui/static/)|<style|\sstyle=|\son\w+=", text)


async def test_a_wrong_token_signs_nobody_in(browser: Browser) -> None:
    assert await browser.sign_in("proxenia_nothing") == 401
    assert (await browser.get(""))[0] == 401


async def test_the_cookie_is_kept_from_scripts_and_other_sites(world: World, browser: Browser) -> None:
    _, _, answer = await browser.post("login", {"token": world.tokens[Role.VIEWER]})

    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


async def test_a_form_does_what_the_api_does_as_the_person_who_is_signed_in(
    world: World, browser: Browser
) -> None:
    await trusted(world)
    await browser.sign_in(world.tokens[Role.OPERATOR])
    csrf = await browser.csrf()
    fields = {"csrf": csrf, "method": "POST", "path": PAUSE, ":organisation": PARTNER, "reason": "a storm"}

    status, _, answer = await browser.post("do", fields | {"back": f"organisation?name={PARTNER}"})

    assert (status, answer.headers["Location"]) == (303, f"/ui/organisation?name={PARTNER}")
    agreement = (await world.call("GET", AGREEMENT)).document
    assert (agreement["paused"], agreement["reason"]) == (True, "a storm")
    assert world.objects.actors[-1] == "token:operator"


async def test_a_viewer_s_form_is_refused(world: World, browser: Browser) -> None:
    await trusted(world)
    await browser.sign_in(world.tokens[Role.VIEWER])
    fields = {"csrf": await browser.csrf(), "method": "POST", "path": PAUSE, ":organisation": PARTNER}
    before = world.state

    status, text, _ = await browser.post("do", fields)

    assert status == 403
    assert "not_permitted" in text
    assert world.state == before


@pytest.mark.parametrize("csrf", ["", "x", "of another session"])
async def test_a_form_that_is_not_of_this_session_is_refused(
    world: World, browser: Browser, csrf: str
) -> None:
    await trusted(world)
    await browser.sign_in(world.tokens[Role.OPERATOR])
    before = world.state

    status, text, _ = await browser.post(
        "do", {"csrf": csrf, "method": "POST", "path": PAUSE, ":organisation": PARTNER}
    )

    assert status == 403
    assert "cross_origin" in text
    assert world.state == before


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
@pytest.mark.parametrize("path", ["do", "work", "login", "logout"])
async def test_a_foreign_page_s_form_is_refused(
    world: World, browser: Browser, origin: str, path: str
) -> None:
    await browser.sign_in(world.tokens[Role.OPERATOR])
    csrf = await browser.csrf()

    status, text, _ = await browser.post(path, {"csrf": csrf, "token": "x"}, Origin=origin)

    assert status == 403
    assert "cross_origin" in text


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "\\\\evil.example", "a\r\nX: y"])
async def test_a_form_leads_back_to_the_dashboard_only(world: World, browser: Browser, back: str) -> None:
    await trusted(world)
    await browser.sign_in(world.tokens[Role.OPERATOR])
    fields = {"csrf": await browser.csrf(), "method": "POST", "path": PAUSE, ":organisation": PARTNER}

    status, _, answer = await browser.post("do", fields | {"back": back})

    assert status == 303
    assert answer.headers["Location"].startswith("/ui/")
    assert "\r" not in answer.headers["Location"]


async def test_markup_from_anywhere_is_shown_as_text(world: World, browser: Browser) -> None:
    await trusted(world)
    world.anchors = (certificate()[0],)
    await world.call("POST", "/api/v1/federation/nodes", node(name=HOSTILE, metadata={HOSTILE[:60]: HOSTILE}))
    await world.call("POST", f"{AGREEMENT}/pause", {"reason": HOSTILE})
    world.overview.problems = (Problem(HOSTILE, HOSTILE, HOSTILE, HOSTILE),)
    await browser.sign_in(world.tokens[Role.VIEWER])

    pages = [
        (await browser.get(path))[1]
        for path in ("", f"organisation?name={PARTNER}", f"node?key=lb-1@{PARTNER}", "nodes", "audit")
    ]

    assert "&lt;script&gt;alert(1)" in pages[0]
    assert all("<script>alert" not in page and "<img" not in page for page in pages)


async def test_a_link_signs_in_once_with_the_role_of_who_asked(world: World, browser: Browser) -> None:
    link = (await world.call("POST", "/api/v1/dashboard/links")).document["url"]
    code = link.rpartition("code=")[2]

    first = await browser.get(f"login?code={code}")
    again = await browser.get(f"login?code={code}")

    assert first[0] == 200
    assert ", admin" in first[1]
    assert again[0] == 401
    assert "used already" in again[1]


async def test_signing_out_ends_the_session(world: World, browser: Browser) -> None:
    await browser.sign_in(world.tokens[Role.VIEWER])

    status, _, _ = await browser.post("logout", {"csrf": await browser.csrf()})

    assert status == 303
    assert (await browser.get(""))[0] == 401


async def test_only_files_of_the_dashboard_are_served(browser: Browser) -> None:
    good = await browser.get("static/style.css")
    bad = [
        (await browser.get(f"static/{name}"))[0] for name in ("..%2Fserve.py", "serve.py", "x.css", "%2e.css")
    ]

    assert good[0] == 200
    assert bad == [404] * 4


def test_a_code_is_good_once_and_for_two_minutes() -> None:
    now = 0.0
    sessions = Sessions(clock=lambda: now)
    holder = Holder("ada", Role.OPERATOR)
    late, used = sessions.code(holder), sessions.code(holder)
    identifier = sessions.redeem(used)
    now = CODE_SECONDS

    assert identifier is not None
    assert sessions.redeem(used) is None
    assert sessions.redeem(late) is None


def test_a_session_ends_by_itself_and_the_oldest_makes_room() -> None:
    now = 0.0
    sessions = Sessions(clock=lambda: now)
    kept = [sessions.begin(Holder(str(number), Role.VIEWER)) for number in range(MAX_OPEN + 1)]

    assert sessions.find(kept[0]) is None
    last = sessions.find(kept[-1])
    assert last is not None
    assert matches(last, last.csrf)
    assert not matches(last, last.csrf + "x")
    now = SESSION_SECONDS
    assert sessions.find(kept[-1]) is None


def test_the_picture_is_the_same_for_the_same_partners_and_never_too_full() -> None:
    nodes = {f"n{number:02}": "online" for number in range(20)}
    partners = [Known(f"o{number:02}.example", "open", nodes) for number in range(60)]

    picture = draw(partners)

    assert picture == draw(reversed(partners))
    assert (len(picture.towns), picture.more) == (MAX_PARTNERS, 60 - MAX_PARTNERS)
    assert {len(town.nodes) for town in picture.towns} == {0}
    assert {(town.more, town.arcs[0].count, town.arcs[0].length) for town in picture.towns} == {(20, 20, 100)}
    assert len({(town.x, town.y) for town in picture.towns}) == MAX_PARTNERS
    assert {town.words for town in picture.towns} == {WORDS["open"]}


def test_few_partners_have_each_node_as_a_dot_until_those_are_too_many() -> None:
    few = {f"n{number:02}": "online" for number in range(MAX_NODES)}
    many = few | {"one-more": "offline"}

    towns = {
        town.organisation: town
        for town in draw([Known("a.example", "open", few), Known("b.example", "open", many)]).towns
    }

    assert (len(towns["a.example"].nodes), towns["a.example"].more) == (MAX_NODES, 0)
    assert (len(towns["b.example"].nodes), towns["b.example"].more) == (0, MAX_NODES + 1)
    assert [(arc.status, arc.count) for arc in towns["b.example"].arcs] == [
        ("online", MAX_NODES),
        ("offline", 1),
    ]


@given(st.sets(st.integers(0, 500), min_size=1, max_size=ROOMY), st.integers(0, 500))
def test_a_town_has_its_own_place_and_few_move_when_one_comes(numbers: set[int], newcomer: int) -> None:
    before = {town.organisation: (town.x, town.y) for town in draw(_open(numbers)).towns}
    after = {town.organisation: (town.x, town.y) for town in draw(_open(numbers | {newcomer})).towns}

    assert len(set(after.values())) == len(after)
    if len(after) <= ROOMY:
        taken = after.get(f"o{newcomer}.example")
        moved = {name for name in before if before[name] != after[name]}
        assert not moved or taken in before.values()  # only where the newcomer sits down in somebody's place


def _open(numbers: set[int]) -> list[Known]:
    return [Known(f"o{number}.example", "open", {}) for number in numbers]


def test_of_too_many_partners_those_in_need_are_drawn() -> None:
    partners = [Known(f"o{number:02}.example", "open", {}, Count(1000)) for number in range(MAX_PARTNERS)]
    ill = [Known("y.example", "pending", {}), Known("z.example", "open", {"n": "offline"})]

    drawn = {town.organisation for town in draw([*partners, *ill]).towns}

    assert {"y.example", "z.example"} < drawn


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (-7200, "-2 h"), (864_000, "10 d")]
)
def test_spans_are_for_people(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


def test_control_characters_are_shown_as_such() -> None:
    assert printable("a\x1b[31mb\r\n") == "a\ufffd[31mb\ufffd\ufffd"
    assert len(printable("x" * 10_000)) <= 401
