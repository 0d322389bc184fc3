"""What single pages of the dashboard show, and which forms they have."""

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

import aiohttp
import pytest

from control_plane.admin.dashboard.routes_page import question
from control_plane.admin.tokens import Role
from tests.unit.admin.browsing import Browser, trusted
from tests.unit.admin.world import World, resource


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)  # of an address, not of a name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        made = Browser(world, session)
        await made.sign_in(Role.OPERATOR)
        yield made


async def test_the_way_of_a_route_is_walked_to_where_it_stops(world: World, browser: Browser) -> None:
    await trusted(world)
    await world.call("POST", "/api/v1/federation/resources", resource())

    text = await browser.page(f"routes?subject={quote('orders@luebeck.example')}")

    stopped = re.search(r'<li class="stopped"><b>(\w+)</b>.*?stops here', text, re.DOTALL)
    assert stopped is not None
    asked = {"route": "orders@luebeck.example"}
    told = (await world.call("POST", "/api/v1/federation/routes/explain", asked)).document
    assert stopped[1] == told["steps"][-1]["stage"]
    assert told["code"] in text
    assert "not looked at" in text


async def test_a_question_that_cannot_be_asked_is_answered_with_what_was_expected(browser: Browser) -> None:
    text = await browser.page("routes?subject=nonsense")

    assert "expected a code of a denial or a failure" in text


@pytest.mark.parametrize(
    ("subject", "about"),
    [("orders@luebeck.example", "route"), ("x" * 36, "request"), ("no_grant", "code")],
)
def test_what_is_meant_is_guessed_by_its_looks(subject: str, about: str) -> None:
    asked = question({"subject": subject, "about": "", "caller": "", "action": "", "capability": ""})

    assert getattr(asked, about) == subject
