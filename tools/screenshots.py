"""Pictures of every page of the dashboard, at 1,440 and 400 pixels, light and dark, over a real system.

    python -m tools.screenshots DIRECTORY               write them there
    python -m tools.screenshots DIRECTORY --minutes=20  after the system has lived so long
    python -m tools.screenshots DIRECTORY --readme      and the three of the README into docs/screenshots/

The system is that of tools/stage.py. Which pages there are is taken from the dashboard itself: those of the
menu, and of every other the first address that a page links to.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, async_playwright

from control_plane.admin.dashboard.pages import PAGES
from tools.stage import Stage, stage
from tools.stage_past import go_on, live
from tools.stage_treaties import introduce

WIDTHS = {"wide": 1440, "narrow": 400}
SCHEMES = ("light", "dark")
README = {"overview": "light", "organisation": "light", "routes-stopped": "dark"}
SHOWN = 800  # pixels of them from above
FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
# What some pages show only when they are asked.
MORE = {
    "organisation": "organisation?name=luebeck.example",
    "organisation-revoke": "organisation?name=luebeck.example&verb=revoke",
    "organisation-pending": "organisation?name=visby.example",
    "node": "node?key=bergen-1@bergen.example",
    "node-drain": "node?key=luebeck-1@luebeck.example&verb=drain",
    "routes-works": "routes?subject=orders@luebeck.example&about=route",
    "routes-stopped": "routes?subject=stockfish@bergen.example&about=route",
    "gateways-diff": "gateways?gateway=novgorod-2",
    "refused": "organisation?name=nobody.example",
}
# Where the comparison that differs is linked, and in it the request that does.
DIFFERS = "tr:has(.problem) a[href*='reconciliation?id=']"
DIFFERING = "tr:has-text('differing') a[href*='request?id=']"
# As root there is no sandbox; the rest keeps Chromium from calling home.
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
_ROOT = "/ui/"
_HREFS = "all => all.map(link => link.getAttribute('href'))"


async def addresses(page: Page, root: str) -> dict[str, str]:
    """An address for each page, by its path; and for what is asked before a partner is revoked."""
    found = {"work": await _work(page, root)}
    await page.goto(f"{root}{_ROOT}")
    for link in await page.eval_on_selector_all("nav a[href]", _HREFS):
        found.setdefault(link.removeprefix(_ROOT), link.removeprefix(_ROOT))
    wanted = {each.path for each in PAGES} - set(found)
    for path in list(found):
        await page.goto(f"{root}{_ROOT}{found[path]}")
        links: Iterable[str] = await page.eval_on_selector_all("main a[href]", _HREFS)
        for link in links:
            name = urlsplit(link).path.removeprefix(_ROOT)
            if name in wanted - set(found):
                found[name] = link.partition(_ROOT)[2]
    if missing := wanted - set(found):
        raise LookupError(f"expected a link to each page, got none to {', '.join(sorted(missing))}")
    return found | {"organisation-revoke": f"{found['organisation']}&verb=revoke"}


async def _work(page: Page, root: str) -> str:
    """Where the work is that a form has begun."""
    await page.goto(f"{root}{_ROOT}audit")
    await page.get_by_role("button", name="Verify", exact=True).click()
    await page.wait_for_url("**/ui/work?id=*")
    return page.url.partition(_ROOT)[2]


async def linked(page: Page, root: str, path: str, selector: str) -> str:
    """Where the first such link of a page leads."""
    await page.goto(f"{root}{_ROOT}{path}")
    return ((await page.locator(selector).first.get_attribute("href")) or "").partition(_ROOT)[2]


async def shoot(page: Page, url: str, into: Path, name: str) -> int:
    """One page in each width; the number of pictures."""
    for size, width in WIDTHS.items():
        await page.set_viewport_size({"width": width, "height": 900})
        await page.goto(url)
        await page.screenshot(path=into / f"{name.format(size)}.png", full_page=True)
    return len(WIDTHS)


async def take(browser: Browser, running: Stage, into: Path, *, readme: bool) -> int:
    """Every page in every form; how many pictures."""
    count = 0
    for scheme in SCHEMES:
        dark = scheme == "dark"  # and nothing moves: rows that just came would be caught in their colour
        context = await browser.new_context(color_scheme="dark" if dark else "light", reduced_motion="reduce")
        page = await context.new_page()
        count += await shoot(page, f"{running.root}{_ROOT}login", into, f"login-{{}}-{scheme}")
        await page.goto(await running.link())
        found = await addresses(page, running.root) | MORE
        report = found["reconciliation-report"] = await linked(page, running.root, "reconciliation", DIFFERS)
        found["request"] = await linked(page, running.root, report, DIFFERING)
        for path, address in found.items():
            name = path.replace("/", "-") or "overview"
            count += await shoot(page, f"{running.root}{_ROOT}{address}", into, f"{name}-{{}}-{scheme}")
            if readme and README.get(name) == scheme:
                await page.set_viewport_size({"width": WIDTHS["wide"], "height": SHOWN})
                await page.goto(f"{running.root}{_ROOT}{address}")
                await page.screenshot(path=FOLDER / f"{name}.png")
        await context.close()
    return count


async def run(directory: Path, chromium: str, into: Path, *, minutes: float, readme: bool) -> None:
    """Start the system, let it live, take the pictures, stop it."""
    async with stage(directory) as running, async_playwright() as playwright:
        await introduce(running)
        await live(running, minutes)
        meanwhile = asyncio.create_task(go_on(running), name="traffic")
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(OPTIONS))
        try:
            count = await take(browser, running, into, readme=readme)
        finally:
            await browser.close()
            meanwhile.cancel()
            await asyncio.wait([meanwhile])
    print(f"{count} pictures in {into}")


def main(arguments: list[str]) -> None:
    """Say what is missing, or do it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("expected Debian's package chromium: apt-get install chromium")
    places = [argument for argument in arguments if not argument.startswith("-")]
    lived = [argument.partition("=")[2] for argument in arguments if argument.startswith("--minutes=")]
    into = Path(places[0] if places else "build/screenshots")
    into.mkdir(parents=True, exist_ok=True)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="proxenia-shots-") as name:
        Path(name).chmod(0o711)  # the embedded PostgreSQL runs as another user when we are root
        minutes = float(lived[0]) if lived else 0.0
        asyncio.run(run(Path(name), chromium, into, minutes=minutes, readme="--readme" in arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
