"""The dashboard with 1,000 nodes of 100 partners, in a real Chromium over two real organisations.

Run with ``make bench NAME=dashboard`` (``QUICK=1``: the browser stays open for 10 seconds instead of ten
minutes). What a browser must wait for, what is sent to it, and whether it grows while 50 requests a second
pass, each of which it shows.
"""

import asyncio
import gzip
import shutil
import sys
import tempfile
from pathlib import Path
from time import time

from playwright.async_api import Browser, Page, async_playwright

from bench.dashboard_open import stay_open
from bench.partner import Authority
from bench.report import Report, percentile, quick
from bench.world import PARTNERS, domain, json_lines, node, resource, trust_everybody
from control_plane.app.demo.organisation import Organisation, eventually, free_port
from tests.browser.system import CHROMIUM, OPTIONS, link
from tests.e2e.pair import pair

NODES = 1_000
IDLE = 9  # the discard port: nothing is ever sent to it
PAINTS = 5
EVENTS = 8 if quick() else 40
CALM = 0.6  # seconds between two events, once the page has all of one
MOST_LATE = 100.0  # ms
WATCHED = {  # and what the slowest of twenty may take; of eight, the slowest is anything
    "#events": ("an event", MOST_LATE),
    "[data-live=partners]": ("a partner's state", None if quick() else MOST_LATE),
}
MOST_BYTES = 60 * 1024
PIECES = ("", "static/style.css", "static/pages.css", "static/live.js", "static/icon.svg")

_PAINT = """() => new Promise(done => new PerformanceObserver(list => {
  for (const one of list.getEntriesByName("first-contentful-paint")) done(one.startTime);
}).observe({ type: "paint", buffered: true }))"""
_WATCH = """selectors => {
  const seen = selectors.map(() => ({}));
  new MutationObserver(() => {
    for (const [number, selector] of selectors.entries())
      for (const one of document.querySelectorAll(selector))
        for (const name of one.textContent.match(/seen-[0-9]+/g) ?? []) seen[number][name] ??= Date.now();
  }).observe(document.body, { childList: true, subtree: true });
  window.seen = name => seen.every(each => name in each) ? seen.map(each => each[name]) : null;
}"""


async def crowd(own: Organisation) -> None:
    """1,000 nodes, each with a resource; until all of it is published."""
    await trust_everybody(own, Authority.of(domain(0)))
    await own.bulk("/federation/nodes", json_lines(node(number, IDLE) for number in range(NODES)))
    loaded = await own.bulk("/federation/resources", json_lines(map(resource, range(NODES))))

    async def published() -> bool:
        return bool((await own.get("/federation/info"))["revision"] >= loaded["revision"])

    await eventually("the whole world to be published", published, within=120)
    await asyncio.sleep(3)  # the gateway takes it, and the audit of it is sealed, meanwhile


async def paints(browser: Browser, own: Organisation, root: str, report: Report) -> None:
    """The first paint, each time in a browser that has nothing of ours yet."""
    context = await browser.new_context()
    await (await context.new_page()).goto(await link(own))
    state = await context.storage_state()
    await context.close()
    times = []
    for _ in range(PAINTS):
        context = await browser.new_context(storage_state=state, viewport={"width": 1440, "height": 900})
        page = await context.new_page()
        await page.goto(f"{root}/ui/")
        times.append(float(await page.evaluate(_PAINT)))
        await context.close()
    report.line(first_paints_ms=times)
    report.figure("first paint, 1,000 nodes, slowest of 5", max(times), unit="ms", at_most=1000)


async def sizes(page: Page, root: str, report: Report) -> None:
    """What the overview is made of, compressed as a proxy would."""
    total = 0
    for piece in PIECES:
        answer = await page.context.request.get(f"{root}/ui/{piece}")
        packed = len(gzip.compress(await answer.body(), 6))
        report.line(piece=piece or "overview", gzipped_bytes=packed)
        total += packed
    report.figure("overview with its style and script, gzipped", total, unit="bytes", at_most=MOST_BYTES)


async def events(page: Page, own: Organisation, root: str, report: Report) -> None:
    """From before the request that makes it until a row, and the table of partners, have it."""
    await page.goto(f"{root}/ui/")
    await page.evaluate(_WATCH, list(WATCHED))
    await asyncio.sleep(2)  # it follows, and what a first look asks for is there
    times = [await _one(page, own, f"seen-{int(time() * 1000)}") for _ in range(EVENTS)]
    for (selector, (what, most)), each in zip(WATCHED.items(), zip(*times, strict=True), strict=True):
        report.line(seen_in=selector, ms=[round(one, 1) for one in each])
        report.figure(f"{what} to the DOM, p50", percentile(each, 0.5), unit="ms", at_most=MOST_LATE)
        report.figure(f"{what} to the DOM, p95", percentile(each, 0.95), unit="ms", at_most=most)


async def _one(page: Page, own: Organisation, name: str) -> list[float]:
    began = time() * 1000
    await own.post("/federation/agreements", {"organisation": f"{name}.example", "state": "pending"})

    async def seen() -> list[float] | None:
        found: list[float] | None = await page.evaluate("name => window.seen(name)", name)
        return found

    shown = await eventually(f"{name} to be shown", seen)
    await asyncio.sleep(CALM)  # people read; and pages renew themselves twice a second at most
    return [each - began for each in shown or ()]


async def main() -> int:
    """Measure everything; exit status 0 when every figure holds."""
    report = Report("dashboard")
    if CHROMIUM is None or shutil.which("chromium") is None:
        raise SystemExit("expected Debian's package chromium: apt-get install chromium")
    port = free_port()
    root = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="proxenia-bench-") as name:
        Path(name).chmod(0o711)  # noqa: ASYNC240 - nothing else waits here
        settings = {"PROXENIA_ADMIN_LISTEN": f"127.0.0.1:{port}"}
        async with (
            pair(Path(name), {}, joined=True, only_novgorod=settings) as partners,
            async_playwright() as playwright,
        ):
            own = partners.novgorod
            report.progress(f"loading {NODES} nodes of {PARTNERS} partners")
            await crowd(own)
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
            try:
                await paints(browser, own, root, report)
                page = await browser.new_page(viewport={"width": 1440, "height": 900})
                await page.goto(await link(own))
                await sizes(page, root, report)
                await events(page, own, root, report)
                await stay_open(page, partners, root, report)
            finally:
                await browser.close()
    return report.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
