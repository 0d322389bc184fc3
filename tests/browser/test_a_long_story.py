"""Two strangers become partners by their dashboards, and part again. It comes first: they are strangers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, expect

from control_plane.app.demo.organisation import eventually
from tests.browser.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOON = 30_000  # ms


@asynccontextmanager
async def load(system: System) -> AsyncIterator[list[int]]:
    """Requests without an end; their statuses."""
    stop, statuses = asyncio.Event(), list[int]()

    async def ask() -> None:
        while not stop.is_set():
            statuses.append(await system.call())
            await asyncio.sleep(0.05)

    task = asyncio.create_task(ask())
    try:
        yield statuses
    finally:
        stop.set()
        await task


async def invited(system: System) -> tuple[str, str]:
    """The token that Lübeck's dashboard shows, and Lübeck's fingerprint."""
    page = await system.luebeck.at("organisations")
    await page.get_by_role("textbox", name="Organisation").fill(system.novgorod.name)
    await page.get_by_role("button", name="Invite").click()
    await expect(page.locator("h1")).to_have_text(f"{system.novgorod.name} is invited")
    token = await page.locator("textarea.token").input_value()
    fingerprint = await page.locator(".words").inner_text()
    await page.goto(f"{system.luebeck.root}/ui/organisations")
    await expect(page.get_by_role("button", name="Withdraw")).to_be_visible()
    assert token not in await page.content()
    await page.close()
    return token, fingerprint


async def joined(system: System, token: str) -> tuple[str, str]:
    """The fingerprints that Novgorod's dashboard shows: Lübeck's, and its own."""
    page = await system.novgorod.at("organisations")
    await page.get_by_role("textbox", name="Token").fill(token)
    await page.get_by_role("button", name="Join").click()
    await expect(page.locator("h1")).to_contain_text("pending")
    await expect(page.locator(".words")).to_have_count(2)
    shown = await page.locator(".words").all_inner_texts()
    await page.close()
    return shown[0], shown[1]


async def approved(page: Page) -> None:
    await page.get_by_role("textbox", name="Reason").first.fill("compared by telephone")
    await page.get_by_role("button", name="Approve").click()
    await expect(page.locator("h1")).to_contain_text("trusted")


async def test_strangers_become_partners_and_part(running: System) -> None:
    luebeck, novgorod = running.luebeck, running.novgorod

    # Invite, and join on the other organisation's dashboard.
    token, luebecks = await invited(running)
    theirs, own = await joined(running, token)

    # Both operators read the same words.
    queue = await luebeck.at("trust")
    await queue.get_by_role("link", name="Compare fingerprints…").click()
    await expect(queue.locator(".words")).to_have_count(2)
    assert await queue.locator(".words").all_inner_texts() == [own, luebecks]
    assert theirs == luebecks

    # Both approve.
    await approved(queue)
    page = await novgorod.at(f"organisation?name={luebeck.name}")
    await approved(page)
    await running.offer()

    # The first request appears live in both audits.
    tails = [await side.at("audit") for side in (luebeck, novgorod)]
    for tail in tails:
        await tail.evaluate("window.kept = true")
    first = await eventually("a request to pass", lambda: passed(running), within=20)
    for tail in tails:
        row = tail.locator("#events tr", has_text=first[:8])
        await expect(row).to_contain_text("allowed", timeout=SOON)
        assert await tail.evaluate("window.kept") is True
    await compared(tails[1], first, luebeck.name)
    for tail in tails:
        await tail.close()

    await failed_over(running, page)
    await revoked(running, page)


async def passed(system: System) -> str:
    """The correlation id of a request that passed; empty when it did not."""
    status, text = await system.request()
    return str(json.loads(text)["correlation_id"]) if status == 200 else ""


async def compared(page: Page, request: str, partner: str) -> None:
    """One request is seen from both sides, once both records of it are compared."""
    await page.locator("#events").get_by_role("link", name=request[:8]).click()
    await expect(page.get_by_text("not compared yet").first).to_be_visible()
    await page.get_by_role("button", name=f"Compare with {partner} now").click()
    await expect(page.get_by_text("Both sides say the same of every crossing.")).to_be_visible(timeout=SOON)
    await page.goto(page.url.partition("/ui/")[0] + f"/ui/request?id={request}")
    await expect(page.get_by_text("matched")).to_be_visible()


async def failed_over(system: System, page: Page) -> None:
    """A node is killed: requests go on, its circuit opens, and closes when it is back."""
    organisation = system.luebeck.organisation
    site = organisation.sites[1]
    await page.goto(f"{system.novgorod.root}/ui/node?key={site.gateway_id}@{system.luebeck.name}")
    circuits = page.locator('[data-live="circuits"]')
    async with load(system) as statuses:
        await organisation.kill_site(site)
        await expect(circuits.locator("rect.open").first).to_be_attached(timeout=SOON)
        await expect(circuits.get_by_text("opened").first).to_be_visible()
        await expect(page.locator("h1")).not_to_contain_text("online", timeout=SOON)
        organisation.start_site(site)
        await expect(circuits.locator("p").first).to_contain_text("closed", timeout=2 * SOON)
        await expect(page.locator("h1")).to_contain_text("online", timeout=2 * SOON)
    assert set(statuses) == {200}
    assert len(statuses) > 20


async def revoked(system: System, page: Page) -> None:
    """It is said what would be cut; then it is cut, and how long that took."""
    await page.goto(f"{system.novgorod.root}/ui/organisation?name={system.luebeck.name}")
    await page.get_by_role("link", name="Revoke…").click()
    await expect(page.locator("section.warning")).to_contain_text("all of its nodes (2)")
    await expect(page.locator("section.warning")).to_contain_text("orders@luebeck.example")
    await page.get_by_role("textbox", name="Reason").first.fill("the end of the story")
    await page.get_by_role("button", name="Revoke", exact=True).click()
    await expect(page.locator("h1")).to_contain_text("revoked")
    await expect(page.get_by_text("connections ended after")).to_be_visible(timeout=SOON)
    assert await system.call() != 200

    await page.goto(f"{system.novgorod.root}/ui/trust")
    measured = page.locator('[data-live="revocations"] tbody tr').first
    await expect(measured).to_contain_text("luebeck.example")
    await expect(measured).to_contain_text(" ms")
    await page.close()
