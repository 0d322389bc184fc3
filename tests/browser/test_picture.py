"""The picture of the federation with few and with many partners: nothing in it overlaps, at any width."""

from datetime import UTC, datetime
from importlib.resources import files
from types import SimpleNamespace
from typing import Any

import pytest

from control_plane.admin.dashboard.finding import Found
from control_plane.admin.dashboard.render import render
from control_plane.admin.dashboard.topology import WORDS, Known, draw
from control_plane.ports.traffic import Count
from tests.browser.looks import faults
from tests.browser.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLACES = ("luebeck", "bergen", "visby", "riga", "tallinn", "stralsund", "danzig", "koenigsberg-on-the-pregel")
STATUSES = ("online", "degraded", "offline", "unknown")


def known(number: int) -> Known:
    """One with a name of some length, in any state, and with as many nodes as its number."""
    name = f"{PLACES[number % len(PLACES)]}{number if number >= len(PLACES) else ''}.example"
    nodes = {f"node-{each}": STATUSES[each % 4] for each in range(number)}
    return Known(name, list(WORDS)[number % len(WORDS)], nodes, Count(number**4))


def overview(partners: int) -> str:
    """The page as it is for so many."""
    every = [known(number) for number in range(partners)]
    values: dict[str, Any] = {
        "own": "novgorod.example",
        "version": "1",
        "pages": [],
        "path": "",
        "holder": SimpleNamespace(name="ada", role="viewer"),
        "csrf": "",
        "seen": "",
        "now": datetime.now(UTC),
        "status": SimpleNamespace(counts={"resource": 3, "grant": 2}, gateways=()),
        "word": "ok",
        "sentence": "All is well.",
        "picture": draw(every),
        "known": every,
        "words": WORDS,
        "found": Found(""),
        "curves": (),
        "events": (),
        "recent": 15,
        "problems": (),
        "concerns": (),
        "more": 0,
    }
    return render("overview.html", values)


@pytest.mark.parametrize("partners", [1, 3, 12, 40])
async def test_in_the_picture_nothing_overlaps(running: System, partners: int) -> None:
    page = await running.novgorod.browser.new_page()  # nothing is served: what it asks for is not there
    await page.set_content(overview(partners))
    for name in ("style", "pages"):
        style = files("control_plane.admin.dashboard") / "static" / f"{name}.css"
        await page.add_style_tag(content=style.read_text())
    wrong = {}

    for width in (400, 768, 1440, 2560):
        await page.set_viewport_size({"width": width, "height": 900})
        wrong[width] = await faults(page)

    await page.close()
    assert {width: found for width, found in wrong.items() if found} == {}
