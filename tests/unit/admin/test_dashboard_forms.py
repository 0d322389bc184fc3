"""Every form is one of this dashboard: it refuses other origins, and forms without the sign of a session."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from control_plane.admin.app import create_app
from control_plane.admin.tokens import Role
from control_plane.ports.objects import Write
from tests.unit.admin.browsing import Browser
from tests.unit.admin.hostile_sources import GOOD
from tests.unit.admin.reading import Read, pages
from tests.unit.admin.world import World, running


@pytest.fixture
async def seen() -> AsyncIterator[tuple[World, Browser]]:
    jar = aiohttp.CookieJar(unsafe=True)  # of an address, not of a name
    async with running(partners=True) as world, aiohttp.ClientSession(cookie_jar=jar) as session:
        browser = Browser(world, session)
        await browser.sign_in(Role.ADMIN)
        yield world, browser


async def test_every_form_of_every_page_goes_to_this_dashboard_and_carries_its_sign(
    seen: tuple[World, Browser],
) -> None:
    world, browser = seen
    for kind, value in GOOD.items():
        await world.objects.write([Write(kind, value.key, value)], actor="ada")

    found = {address: Read(text) for address, text in (await pages(browser)).items()}

    posts = _posts(world)
    for address, read in found.items():
        for form, given in zip(read.forms, read.fields, strict=True):
            assert form["action"] in posts, address
            assert "csrf" in given, (address, form)
    assert sum(len(read.forms) for read in found.values()) > 20


def _posts(world: World) -> set[str]:
    """Where forms of the dashboard can go, as the server has it."""
    app: web.Application = create_app(world.dependencies())
    routes = [route for route in app.router.routes() if route.method == "POST" and route.resource]
    return {
        route.resource.canonical
        for route in routes
        if route.resource and route.resource.canonical.startswith("/ui/")
    }


async def test_every_place_for_forms_refuses_other_origins_and_forms_without_its_sign(
    seen: tuple[World, Browser],
) -> None:
    world, browser = seen
    good = await browser.csrf()
    places = sorted(_posts(world))
    before = world.state
    assert {"/ui/do", "/ui/login", "/ui/logout", "/ui/work"} <= set(places)

    answers = {}
    for place in places:
        for origin in ("http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1"):
            fields = {"csrf": good, "token": world.tokens[Role.ADMIN]}
            answers[place, origin] = await browser.post(place.removeprefix("/ui/"), fields, Origin=origin)
        if place == "/ui/login":  # it begins a session, and needs a token
            continue
        for csrf in ({}, {"csrf": ""}, {"csrf": "x"}, {"csrf": good + "x"}):
            answers[place, str(csrf)] = await browser.post(place.removeprefix("/ui/"), dict(csrf))

    assert {key: status for key, (status, *_) in answers.items() if status != 403} == {}
    assert all("cross_origin" in text for *_, text in answers.values())
    assert world.state == before
    assert (await browser.look(""))[0] == 200  # nobody was signed out
