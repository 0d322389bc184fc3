"""The dashboard in a real Chromium, over two real organisations: what people see, live, and may do."""

import pytest
from playwright.async_api import expect

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
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(wider) == 0

    await page.close()
    assert side.wrong == []


async def test_what_happens_appears_without_a_reload(partners: System) -> None:
    side = partners.novgorod
    page = await side.at()
    await page.evaluate("window.kept = true")

    await side.organisation.post(
        "/federation/agreements", {"organisation": "visby.example", "state": "pending"}
    )

    await expect(page.locator(".map text", has_text="visby.example")).to_be_visible(timeout=5_000)
    await expect(page.locator("#events tr").first).to_contain_text("visby.example")
    assert await page.evaluate("window.kept") is True
    await page.close()
    assert side.wrong == []


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
    assert side.wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_without_scripts_everything_can_be_read(partners: System, scheme: str) -> None:
    context = await partners.browser.new_context(
        java_script_enabled=False, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = await context.new_page()

    await page.goto(await link(partners.novgorod.organisation))

    await expect(page.locator("h1.verdict")).to_be_visible()
    await expect(page.locator("table").first).to_contain_text("luebeck.example")
    await context.close()
