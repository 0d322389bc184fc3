"""What axe finds on every page of the dashboard, in both themes: nothing serious."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.looks import faults
from tests.browser.system import System, link
from tools.screenshots import addresses

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDTHS = (400, 768, 1440, 2560)
SERIOUS = {"serious", "critical"}
CONTROLS = """[...document.querySelectorAll(
  "a[href], button, input:not([type=hidden]), select, textarea, [tabindex='0']"
)].filter((one) => one.getClientRects().length).length"""
# Where the keyboard is now, if nobody could see that.
UNSEEN = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect();
  const ring = one !== document.body && (one.closest("svg") || getComputedStyle(one).outlineStyle !== "none");
  return ring && box.bottom > 0 && box.top < innerHeight ? "" : one.outerHTML.slice(0, 100);
}"""


async def signed_in(context: BrowserContext, partners: System) -> Page:
    page = await context.new_page()
    await page.goto(await link(partners.novgorod.organisation))
    return page


async def violations(page: Page) -> list[str]:
    """Each with its rule and the first place."""
    found = (await Axe().run(page)).response["violations"]
    return [
        f"{page.url} {one['id']}: {one['nodes'][0]['html'][:150]} {one['nodes'][0]['failureSummary'][:200]}"
        for one in found
        if one["impact"] in SERIOUS
    ]


async def test_axe_finds_nothing_serious_on_any_page_in_either_theme(partners: System) -> None:
    await partners.call()
    root, found = partners.novgorod.root, list[str]()

    async with partners.novgorod.opened(bypass_csp=True, viewport={"width": 1440, "height": 900}) as context:
        page = await signed_in(context, partners)
        for address in (*(await addresses(page, root)).values(), "login?code=used"):
            await page.goto(f"{root}/ui/{address}")
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                found += [f"{scheme}: {one}" for one in await violations(page)]

    assert found == []
    partners.novgorod.expected("status of 401")  # of the form to sign in


async def test_nothing_is_cut_off_or_overlaps_on_any_page_at_any_width(partners: System) -> None:
    root, wrong = partners.novgorod.root, {}

    async with partners.novgorod.opened() as context:
        page = await signed_in(context, partners)
        for name, address in (await addresses(page, root)).items():
            await page.goto(f"{root}/ui/{address}")
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 900})
                wrong[f"{name or 'overview'} at {width}"] = await faults(page)

    assert {place: found for place, found in wrong.items() if found} == {}


async def test_every_control_is_reached_by_the_keyboard_and_is_seen_to_be(partners: System) -> None:
    page = await partners.novgorod.at("organisations")

    for path in ("organisations", f"organisation?name={partners.luebeck.name}", "routes"):
        await page.goto(f"{partners.novgorod.root}/ui/{path}")
        for _ in range(await page.evaluate(CONTROLS)):
            await page.keyboard.press("Tab")
            assert await page.evaluate(UNSEEN) == ""
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement === document.body")  # these were all of them
    await page.close()


async def test_everything_can_be_reached_by_the_keyboard(partners: System) -> None:
    page = await partners.novgorod.at()

    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    await expect(page.locator("h1")).to_have_text("Organisations")
    await page.close()
