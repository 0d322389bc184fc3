"""The dashboard in a real Chromium, over two real organisations: what people see, live, and may do."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, async_playwright, expect

from control_plane.app.demo.organisation import Organisation, free_port
from tests.e2e.pair import Pair, pair

CHROMIUM = shutil.which("chromium")
# As root there is no sandbox; the rest keeps Chromium from calling home.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MENU = (
    "Organisations",
    "Nodes",
    "Resources and grants",
    "Trust",
    "Audit",
    "Reconciliation",
    "Gateways",
    "Discovery",
    "Overview",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="Debian's package chromium is not installed: run make test as root, or install it",
    ),
]


@dataclass
class Seen:
    """A browser, and whatever it complained about or asked others for."""

    partners: Pair
    port: int
    context: BrowserContext
    wrong: list[str] = field(default_factory=list)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def page(self) -> Page:
        """A page that is watched: errors of the console, and requests to anybody else."""
        page = await self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", self._asked)
        return page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(f"{self.root}/ui/"):
            self.wrong.append(f"asked {request.url}")


async def link(organisation: Organisation) -> str:
    """What ``proxenia dashboard`` prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "control_plane", "dashboard", "-o", "json"),
        env={**os.environ, "PROXENIA_STATE_DIR": str(organisation.state_dir)},
        stdout=PIPE,
    )
    said = (await asyncio.wait_for(process.communicate(), 30))[0]
    return str(json.loads(said)["url"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen() -> AsyncIterator[Seen]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="proxenia-browser-") as name:
        directory = Path(name)
        await asyncio.to_thread(directory.chmod, 0o711)
        settings = {"PROXENIA_ADMIN_LISTEN": f"127.0.0.1:{port}"}
        async with (
            pair(directory, {}, joined=True, only_novgorod=settings) as partners,
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
            try:
                context = await browser.new_context(viewport={"width": 1440, "height": 900})
                yield Seen(partners, port, context)
            finally:
                await browser.close()


async def test_the_menu_leads_through_every_page_without_a_complaint(seen: Seen) -> None:
    page = await seen.page()
    await page.goto(await link(seen.partners.novgorod))
    await expect(page.locator("h1")).to_contain_text("1 gateway connected")

    for title in MENU:
        await page.get_by_role("navigation").get_by_role("link", name=title, exact=True).click()
        await expect(page.locator("nav a[aria-current]")).to_have_text(title)
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(wider) == 0

    assert seen.wrong == []


async def test_what_happens_appears_without_a_reload(seen: Seen) -> None:
    page = await seen.page()
    await page.goto(f"{seen.root}/ui/")
    await page.evaluate("window.kept = true")

    await seen.partners.novgorod.post(
        "/federation/agreements", {"organisation": "visby.example", "state": "pending"}
    )

    await expect(page.locator(".map text", has_text="visby.example")).to_be_visible(timeout=5_000)
    await expect(page.locator("#events tr").first).to_contain_text("visby.example")
    assert await page.evaluate("window.kept") is True
    assert seen.wrong == []


async def test_a_partner_is_revoked_after_a_preview_and_the_measured_time_is_shown(seen: Seen) -> None:
    page = await seen.page()
    await page.goto(f"{seen.root}/ui/organisations")
    await page.get_by_role("link", name="luebeck.example").click()
    await page.get_by_role("link", name="Revoke…").click()
    await expect(page.locator(".warning")).to_contain_text("all of its nodes (1)")

    await page.get_by_label("Reason").fill("<b>gone</b>")
    await page.get_by_role("button", name="Revoke").click()

    await expect(page.locator("h1")).to_contain_text("revoked")
    await expect(page.get_by_text("<b>gone</b>")).to_be_visible()

    async def measured() -> None:
        await page.reload()
        await expect(page.get_by_text("connections ended after")).to_be_visible(timeout=1_000)

    for _ in range(20):
        try:
            await measured()
            break
        except AssertionError:
            await asyncio.sleep(0.5)
    await measured()
    assert seen.wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_without_scripts_everything_can_be_read(seen: Seen, scheme: str) -> None:
    browser = seen.context.browser
    assert browser is not None
    context = await browser.new_context(
        java_script_enabled=False, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = await context.new_page()

    await page.goto(await link(seen.partners.novgorod))

    await expect(page.locator("h1.verdict")).to_be_visible()
    await expect(page.locator("table").first).to_contain_text("luebeck.example")
    await context.close()
