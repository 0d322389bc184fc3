"""Text from anywhere is shown as text on every page of the dashboard."""

from collections.abc import AsyncIterator
from unicodedata import category

import aiohttp
import pytest

from control_plane.admin.tokens import Role
from control_plane.model.change import TYPES, Kind
from control_plane.ports.objects import Write
from tests.unit.admin.browsing import Browser
from tests.unit.admin.hostile import without_text
from tests.unit.admin.hostile_sources import EMPTY, GOOD, SOURCES
from tests.unit.admin.reading import Read, pages
from tests.unit.admin.world import World, running


@pytest.fixture
async def seen() -> AsyncIterator[tuple[World, Browser]]:
    jar = aiohttp.CookieJar(unsafe=True)  # of an address, not of a name
    async with running(partners=True) as world, aiohttp.ClientSession(cookie_jar=jar) as session:
        browser = Browser(world, session)
        await browser.sign_in(Role.ADMIN)
        yield world, browser


def test_every_kind_of_object_is_tried_and_every_text_of_it_is_filled() -> None:
    assert set(GOOD) == set(TYPES)
    for kind, value in GOOD.items():
        assert type(value) is TYPES[kind]
        assert set(without_text(value)) <= EMPTY, kind


# No page shows these texts: anchors only by fingerprint, and Envoy's version nowhere; a group has none, and
# a steering or a heartbeat of a name that is nobody's is about nothing.
UNSHOWN = {
    *(("bundle", names) for names in (False, True)),
    ("group", False),
    ("gateway", False),
    ("steering", True),
    ("a partner", True),
}


@pytest.mark.parametrize("names", [False, True], ids=["texts", "texts-and-names"])
@pytest.mark.parametrize("source", SOURCES)
async def test_hostile_text_is_text_on_every_page(
    seen: tuple[World, Browser], source: str, *, names: bool
) -> None:
    world, browser = seen
    if not names:
        for kind in (Kind.AGREEMENT, Kind.BUNDLE, Kind.NODE):
            value = GOOD[kind]
            await world.objects.write([Write(kind, value.key, value)], actor="ada")

    marks = await SOURCES[source](world, names)

    found = await pages(browser, defects=names)
    for address, text in found.items():
        assert Read(text).wrong == [], address
        controls = {char for char in text if category(char) in {"Cc", "Cf"} and char != "\n"}
        assert controls == set(), address
    shown = "".join(found.values())
    if (source, names) not in UNSHOWN:
        assert any(f"{mark}&lt;script&gt;" in shown for mark in marks), "nothing of it was shown anywhere"
