"""The dashboard in a real Chromium, over two real organisations: what people see, live, and may do."""

import asyncio
import re

import pytest
from playwright.async_api import Route, expect

from control_plane.admin.tokens import TOKEN_FILE, revoke_token
from tests.browser.system import System, link

MENU = (
    "Organisations",
    "Nodes",
    "Resources and grants",
    "Routes",
    "Trust",
    "Audit",
    "Reconciliation",
    "Gateways",
    "Discovery",
    "Check",
    "API docs",
    "Overview",
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_menu_leads_through_every_page_without_a_complaint(partners: System) -> None:
    side = partners.novgorod
    page = await side.at()
    await expect(page.locator("h1")).to_contain_text("1 gateway connected")

    for title in MENU:
        await page.get_by_role("navigation").get_by_role("link", name=title, exact=True).click()
        await expect(page.locator("nav a[aria-current]")).to_have_text(title)
        await page.wait_for_load_state()
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(wider) == 0

    await page.close()


async def test_what_happens_appears_without_a_reload(partners: System) -> None:
    side = partners.novgorod
    page = await side.at()
    await page.evaluate("window.kept = true")

    await side.organisation.post(
        "/federation/agreements", {"organisation": "visby.example", "state": "pending"}
    )

    await expect(page.locator(".map text", has_text="visby.example")).to_be_visible()
    await expect(page.locator("#events tr", has_text="visby.example").first).to_be_visible()
    assert await page.evaluate("window.kept") is True
    await page.close()


@pytest.mark.alone
async def test_what_happens_between_a_page_and_its_stream_of_events_appears_too(partners: System) -> None:
    side, begun = partners.novgorod, asyncio.Event()
    async with side.opened() as context:
        page = await context.new_page()
        await page.route(re.compile("/ui/events"), lambda route: _after(begun, route))
        await page.goto(await link(side.organisation))
        terms = {"organisation": "reval.example", "state": "pending"}

        await side.organisation.post("/federation/agreements", terms)
        other = await side.at()  # it has heard of that, and nobody will hear of it again
        await expect(other.locator(".map text", has_text="reval.example")).to_be_visible()
        await other.close()
        begun.set()

        await expect(page.locator(".map text", has_text="reval.example")).to_be_visible(timeout=4_000)
        await expect(page.locator("#events tr", has_text="reval.example").first).to_be_visible()


async def _after(begun: asyncio.Event, route: Route) -> None:
    await begun.wait()
    await route.continue_()


async def test_a_partner_is_revoked_after_a_preview_and_the_measured_time_is_shown(partners: System) -> None:
    side = partners.novgorod
    page = await side.at("organisations")
    await page.get_by_role("link", name="luebeck.example").click()
    await page.get_by_role("link", name="Revoke…").click()
    await expect(page.locator("section.warning")).to_contain_text("all of its nodes (2)")

    await page.get_by_label("Reason").fill("<b>gone</b>")
    await page.get_by_role("button", name="Revoke").click()

    await expect(page.locator("h1")).to_contain_text("revoked")
    await expect(page.get_by_text("<b>gone</b>")).to_be_visible()
    for _ in range(20):  # until the gateways have reported
        await page.reload()
        if await page.get_by_text("connections ended after").count():
            break
        await page.wait_for_timeout(250)
    await expect(page.get_by_text("connections ended after")).to_be_visible()
    await page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_without_scripts_everything_can_be_read(partners: System, scheme: str) -> None:
    async with partners.novgorod.opened(java_script_enabled=False, color_scheme=scheme) as context:
        page = await context.new_page()

        await page.goto(await link(partners.novgorod.organisation))

        await expect(page.locator("h1.verdict")).to_be_visible()
        await expect(page.locator("table").first).to_contain_text("luebeck.example")
        await page.get_by_role("searchbox", name="Find").fill("luebeck-1")
        await page.get_by_role("button", name="Find").click()
        await page.locator("dl.found").get_by_role("link", name="luebeck-1").click()
        await expect(page.locator("h1")).to_contain_text("luebeck-1")


async def test_the_overview_finds_nodes_and_resources_while_somebody_types(partners: System) -> None:
    page = await partners.novgorod.at()
    await page.get_by_role("searchbox", name="Find").press_sequentially("luebeck-2")
    await expect(page.locator("dl.found")).to_contain_text("luebeck-2@luebeck.example")
    await expect(page).to_have_url(re.compile("find=luebeck-2$"))

    await page.reload()
    await expect(page.get_by_role("searchbox", name="Find")).to_have_value("luebeck-2")
    await page.get_by_role("searchbox", name="Find").fill("ORDERS")
    await page.locator("dl.found").get_by_role("link", name="orders@luebeck.example").click()

    await expect(page.get_by_text("Nothing stops orders@luebeck.example.")).to_be_visible()
    await page.close()


async def test_who_is_signed_out_is_told_so_on_every_open_page(partners: System) -> None:
    side = partners.novgorod
    made = await side.organisation.post("/tokens", {"name": "somebody", "role": "viewer"})
    async with side.opened() as context:
        page = await context.new_page()
        await page.goto(f"{side.root}/ui/login")
        await page.get_by_label("Token").fill(made["token"])
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator("h1.verdict")).to_be_visible()
        other = await context.new_page()
        await other.goto(f"{side.root}/ui/audit")

        revoke_token(side.organisation.state_dir / TOKEN_FILE, "somebody")

        for each in (page, other):
            await expect(each.get_by_role("alert")).to_contain_text("not signed in any more")
        await other.get_by_role("alert").get_by_role("link", name="Sign in").click()
        await expect(other.get_by_label("Token")).to_be_visible()
    side.expected("status of 401")  # of the two forms to sign in
