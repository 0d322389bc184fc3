"""What an address or a form says comes back as text, whatever it is."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import aiohttp
import pytest

from control_plane.admin.dashboard.pages import PAGES
from control_plane.admin.tokens import Role
from tests.unit.admin.browsing import Browser, trusted
from tests.unit.admin.world import PARTNER, World, certificate, node

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31m"
NAMES = (
    *("name", "key", "verb", "subject", "about", "caller", "action", "capability", "find", "after", "id"),
    *("organisation", "principal", "resource", "node", "decision", "event_type", "since", "until"),
    *("correlation_id", "gateway", "all"),
)


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)  # of an address, not of a name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        made = Browser(world, session)
        await made.sign_in(Role.OPERATOR)
        yield made


def is_text(page: str) -> bool:
    """Nothing of it became markup."""
    return "<script>alert" not in page and "<img" not in page and "\x1b" not in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path or "overview")
async def test_hostile_parameters_of_a_page_are_text(world: World, browser: Browser, page: object) -> None:
    await trusted(world)
    await world.call("POST", "/api/v1/federation/nodes", node())
    world.anchors = (certificate()[0],)
    path = getattr(page, "path")  # noqa: B009 - parametrised as an object
    good = {"organisation": f"name={PARTNER}&", "node": f"key=lb-1@{PARTNER}&"}.get(path, "")

    for name in NAMES:
        status, text = await browser.answer(f"{path}?{good}{name}={quote(HOSTILE)}")

        assert status < 500, (name, text)
        assert is_text(text), name


@pytest.mark.parametrize("field", ["method", "path", "back", ":organisation", "reason", "kind", HOSTILE])
@pytest.mark.parametrize("form", ["do", "work"])
async def test_hostile_fields_of_a_form_are_text(
    world: World, browser: Browser, form: str, field: str
) -> None:
    await trusted(world)
    pause = "/api/v1/federation/agreements/{organisation}/pause"
    fields = {"method": "POST", "path": pause, ":organisation": PARTNER, "kind": "verify"}

    status, place, text = await browser.send(form, {**fields, field: HOSTILE})

    assert status < 500
    assert is_text(text)
    assert not place or place.startswith("/ui/")
