"""The API's description, read by people."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from control_plane.admin.app import ROUTES
from control_plane.admin.dashboard.api_page import parts_of, word_of
from control_plane.admin.openapi import describe
from control_plane.admin.operation import JSON
from control_plane.admin.tokens import Role
from tests.unit.admin.browsing import Browser
from tests.unit.admin.world import World


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)  # of an address, not of a name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        made = Browser(world, session)
        await made.sign_in(Role.VIEWER)
        yield made


async def test_every_operation_is_told_with_its_role(browser: Browser) -> None:
    text = (await browser.page("api")).replace("<wbr>", "")

    assert 'aria-current="page">API docs' in text
    for route in ROUTES:
        assert f">{route.operation.path}<" in text
        if route.operation.media == JSON:  # what takes another body, too, is told once
            assert route.operation.summary.replace("'", "&#39;") in text


def test_what_an_operation_takes_is_told_field_by_field() -> None:
    parts = parts_of(describe(ROUTES, version="1"))
    operations = {(each.method, each.path): each for part in parts for each in part.operations}

    invite = operations["POST", "/api/v1/federation/invites"]
    assert invite.role == "operator"
    fields = {field.name: field for field in invite.fields if field.place == "body"}
    assert {name: field.required for name, field in fields.items()} == {
        "organisation": True,
        "lifetime": False,
    }
    events = operations["GET", "/api/v1/audit/events"]
    assert {"principal", "since", "after"} <= {
        field.name for field in events.fields if field.place == "query"
    }
    assert operations["GET", "/healthz"].role == ""


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"enum": ["a", "b"]}, "a or b"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Node"}}, "list of Node"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"),
        ({}, "anything"),
    ],
)
def test_a_type_is_a_few_words(schema: dict[str, object], words: str) -> None:
    assert word_of(schema) == words


async def test_a_check_is_the_api_s_own_with_its_codes(world: World, browser: Browser) -> None:
    told = (await world.call("GET", "/api/v1/federation/check")).document

    text = await browser.page("check")

    codes = {finding["code"] for group in told["groups"] for finding in group["findings"]} - {""}
    assert codes
    assert all(f"<code>{code}</code>" in text for code in codes)
    assert told["verdict"] in text
