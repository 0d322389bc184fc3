"""A partner whose anchors are all new at once looks like somebody else in its place: people decide."""

import pytest
from playwright.async_api import expect

from bench.partner import Authority
from control_plane.model.bundle import Bundle
from control_plane.peering.ourselves import words_of
from tests.browser.system import System
from tests.browser.visitor import visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOON = 30_000  # ms
NAME = "riga.example"


async def test_anchors_that_are_all_new_are_taken_when_somebody_has_compared_them(partners: System) -> None:
    own, authority = partners.novgorod.organisation, Authority.of(NAME)
    replaced = Bundle(authority.trust_domain, (Authority.of(NAME).anchor,), sequence=2)
    async with visitor(authority, replaced) as riga:
        await riga.join((await own.post("/federation/invites", {"organisation": NAME}))["token"])
        await own.post(f"/federation/agreements/{NAME}/approve", {})

        # It is in the queue, with the words that its operator has to read out; what we hold stays.
        page = await partners.novgorod.at("trust")
        waits = page.locator(".queue li", has_text=NAME)
        await expect(waits).to_contain_text("share nothing with those we hold", timeout=SOON)
        await expect(waits.locator(".words")).to_have_text(words_of(replaced))
        await waits.get_by_role("link", name=NAME).click()
        await expect(page.locator(".words").first).to_have_text(words_of(riga.bundle))

        # Somebody compares, and accepts them.
        await page.go_back()
        await waits.get_by_role("button", name="Accept them").click()
        await expect(page.locator("h1")).to_be_visible()
        await expect(waits).to_have_count(0)
        await page.goto(f"{partners.novgorod.root}/ui/organisation?name={NAME}")
        await expect(page.locator(".words").first).to_have_text(words_of(replaced))
        events = (await own.get("/audit/events", organisation=NAME, limit="100"))["items"]

    assert "bundle.approve" in {one["action"] for one in events}
    await own.post(f"/federation/agreements/{NAME}/revoke", {})
    await page.close()
