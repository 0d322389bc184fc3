"""Texts that came in by every door are text on every page, and every form refuses whoever is not its page.

One system: hostile texts in every field of the API's bodies, in records of a name server and a file, in the
refusals of gateways, and from a partner's application and its control plane, which says whatever it likes.
Then every page, in Chromium.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import BrowserContext, Page

from tests.browser.doors import (
    Desk,
    Told,
    by_api,
    by_discovery,
    by_gateway,
    by_partner,
    by_traffic,
    desk,
    requests,
)
from tests.browser.system import Side, System, link

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

MOST = 4  # addresses of one kind that are looked at, beside those of what was made here
NOT_PAGES = {"/ui/logout", "/ui/events", "/ui/work-file"}


class Shown(HTMLParser):
    """What a page says, where it leads, and its forms."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.forms: list[tuple[str, str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(given.get("href", ""))
        if tag == "form":
            self.forms.append((given.get("method", "get").lower(), given.get("action", ""), {}))
        if tag in {"input", "select", "textarea"} and self.forms and given.get("name"):
            self.forms[-1][2][given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@dataclass
class Filled:
    """A system into which everything came, and its pages as they are sent."""

    side: Side
    told: Told
    desk: Desk
    context: BrowserContext  # of who is signed in
    pages: dict[str, Shown] = field(default_factory=dict)


async def crawled(context: BrowserContext, root: str, seeds: list[str]) -> dict[str, Shown]:
    """Every page that links lead to, with some of each kind."""
    found: dict[str, Shown] = {}
    kinds: Counter[str] = Counter()
    waiting = ["/ui/", *seeds]
    while waiting:
        address = waiting.pop(0)
        kind = urlsplit(address).path + "".join(sorted(parse_qs(urlsplit(address).query)))
        if address in found or (kinds[kind] >= MOST and address not in seeds):
            continue
        kinds[kind] += 1
        answer = await context.request.get(root + address)
        found[address] = page = Shown(await answer.text())
        links = [link.partition("#")[0] for link in page.links if link.startswith("/ui/")]
        waiting += [link for link in dict.fromkeys(links) if urlsplit(link).path not in NOT_PAGES]
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def filled(running: System) -> AsyncIterator[Filled]:
    """Everything has come in."""
    await running.befriend()
    side, told = running.novgorod, Told()
    async with desk(side.organisation) as at:
        await by_api(side, at, told)
        await by_discovery(running, told)
        await by_traffic(running, told)
        await by_gateway(running, told)
        async with by_partner(running, told), side.opened() as context:
            page = await context.new_page()
            await page.goto(await link(side.organisation))
            pages = await crawled(context, side.root, await _seeds(side, told))
            yield Filled(side, told, at, context, pages)


async def _seeds(side: Side, told: Told) -> list[str]:
    """What links may not lead to, since there is much of it: everything that was made here."""
    own = side.organisation
    reports = (await own.get("/audit/reconciliations"))["items"]
    nodes = (await own.get("/federation/nodes", limit="1000"))["items"]
    partners = (await own.get("/federation/agreements", limit="1000"))["items"]
    differ = [
        one["correlation_id"]
        for each in reports[:2]
        for one in (await own.get(f"/audit/reconciliations/{each['id']}"))["differences"]
    ]
    return [
        "/ui/login",
        *(f"/ui/request?id={quote(one)}" for one in (*differ[:6], *(await requests(own, told))[:12])),
        *(f"/ui/reconciliation?id={one['id']}" for one in reports[:2]),
        *(f"/ui/node?key={one['node_id']}@{one['organisation']}" for one in nodes),
        *(f"/ui/organisation?name={one['organisation']}" for one in partners),
    ]


async def test_what_is_refused_is_a_problem_and_is_stored_nowhere(filled: Filled) -> None:
    assert filled.told.wrong == []
    assert len(filled.told.kept) > 40
    assert len(filled.told.refused) > 100
    described = await filled.desk.read("/openapi.json")

    lists = "".join([await filled.desk.read(path) for path in _lists(described)])

    stored = sorted(said for mark, said in filled.told.refused.items() if mark in lists)
    assert not stored, "\n".join(stored)


def _lists(described: str) -> list[str]:
    paths = json.loads(described)["paths"]
    return [
        f"{path}?limit=1000"
        if any(one.get("name") == "limit" for one in on["get"].get("parameters", ()))
        else path
        for path, on in paths.items()
        if "get" in on
        and "{" not in path
        and "/audit/" not in path
        and not path.endswith(("/events", "/metrics"))
    ]


async def test_every_page_is_text_in_a_real_browser(filled: Filled) -> None:
    """No script ran, no dialog, no complaint of the policy (the fixture of all tests looks at those)."""
    page = await filled.context.new_page()

    words = [await _opened(page, filled.side.root + address) for address in filled.pages]

    await page.close()
    seen = "".join(words)
    missing = sorted(said for mark, said in filled.told.kept.items() if mark not in seen)
    assert not missing, "\n".join(missing)
    filled.side.expected("status of 400")  # of an id that cannot be one
    filled.side.expected("status of 401")  # of the form to sign in


async def _opened(page: Page, address: str) -> str:
    await page.goto(address, wait_until="load")
    found = await page.evaluate("[window.hacked ?? null, document.body.innerText]")
    assert found[0] is None, address
    return str(found[1])


@pytest_asyncio.fixture(loop_scope="session")
async def foreign() -> AsyncIterator[str]:
    """A page of somebody else, of the same host: its forms carry the cookies of this one."""
    app = web.Application()
    app.router.add_get("/", _nothing)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def _nothing(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><link rel=icon href=data:,>", content_type="text/html")


async def test_every_form_refuses_pages_of_others_and_forms_without_its_sign(
    filled: Filled, foreign: str
) -> None:
    side, forms = filled.side, _forms(filled)
    assert {action for action, fields in forms if "csrf" not in fields} == {"/ui/login"}
    assert len(forms) >= 25
    before = await _state(filled)
    page = await filled.context.new_page()
    await page.goto(foreign)

    answers = {}
    for number, (action, fields) in enumerate(forms):
        async with page.expect_response(f"{side.root}{action}") as answered:
            await page.evaluate(_POST, [side.root + action, fields])
        answers[number, "foreign"] = (await answered.value).status
        for csrf in (None, "", "x" * 43) if "csrf" in fields else ():
            form: dict[str, str | float | bool] = {
                name: value for name, value in fields.items() if name != "csrf"
            }
            if csrf is not None:
                form["csrf"] = csrf
            answer = await filled.context.request.post(side.root + action, form=form)
            answers[number, str(csrf)] = answer.status

    assert {key: status for key, status in answers.items() if status != 403} == {}
    assert await _state(filled) == before
    await page.goto(f"{side.root}/ui/")  # nobody was signed out
    assert await page.locator("h1.verdict").count() == 1
    await page.close()
    side.expected("status of 403")
    side.expected(foreign)


_POST = """([url, fields]) => fetch(url, {
  method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams(fields)
}).then(() => null)"""


def _forms(filled: Filled) -> list[tuple[str, dict[str, str]]]:
    """Each different form of all pages, as it would be sent."""
    found: dict[tuple[str, str, str, str], tuple[str, dict[str, str]]] = {}
    for page in filled.pages.values():
        for method, action, fields in page.forms:
            if method == "post":
                what = (action, fields.get("method", ""), fields.get("path", ""), fields.get("kind", ""))
                found[what] = action, fields
    return list(found.values())


async def _state(filled: Filled) -> tuple[object, ...]:
    own = filled.side.organisation
    newest = (await own.get("/audit/events", event_type="operator_action", limit="1"))["items"]
    return (await own.get("/federation/info"))["revision"], newest
