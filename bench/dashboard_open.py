"""A browser that is left open while 50 requests a second pass: whether it grows."""

import asyncio
from time import monotonic

import aiohttp
from playwright.async_api import CDPSession, Page

from bench.report import Report, quick, ratio
from tests.e2e.pair import RESOURCE, WITHIN, Pair

RATE = 50.0  # requests a second
OPEN = 10.0 if quick() else 600.0  # seconds
SETTLE = 7.0 if quick() else 60.0  # before the first measurement: curves have been drawn anew by then
MOST_GROWTH = 1.1

_COUNT = """() => {
  window.rows = 0;
  new MutationObserver(all => { for (const one of all) window.rows += one.addedNodes.length; })
    .observe(document.querySelector("[data-rows]"), { childList: true });
}"""


async def stay_open(page: Page, partners: Pair, root: str, report: Report) -> None:
    """Heap and nodes after the garbage was collected, at the beginning and in the end."""
    report.progress(f"a browser that is open for {OPEN:g} s under {RATE:g} events a second")
    await page.goto(f"{root}/ui/")
    await page.evaluate(_COUNT)
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    async with aiohttp.ClientSession(timeout=WITHIN) as client:
        calls = asyncio.create_task(_calls(client, partners, SETTLE + OPEN))
        await asyncio.sleep(SETTLE)
        heap, nodes, listeners = await _measure(session)
        shown = int(await page.evaluate("window.rows"))
        await asyncio.sleep(OPEN)
        later, more, listening = await _measure(session)
        shown = int(await page.evaluate("window.rows")) - shown
        made = await calls
    report.line(heap_before=heap, heap_after=later, nodes_before=nodes, nodes_after=more)
    report.figure("requests a second meanwhile", made / (SETTLE + OPEN), unit="1/s", at_least=RATE * 0.9)
    report.figure("rows shown a second", shown / OPEN, unit="1/s")
    report.figure("script memory, after over before", ratio(later, heap), unit="ratio", at_most=MOST_GROWTH)
    report.figure(
        "nodes of the DOM, after over before", ratio(more, nodes), unit="ratio", at_most=MOST_GROWTH
    )
    report.figure("listeners, after minus before", listening - listeners, unit="listeners", at_most=5)


async def _calls(client: aiohttp.ClientSession, partners: Pair, seconds: float) -> int:
    """Requests at an even pace; how many."""
    url = f"http://127.0.0.1:{partners.novgorod.sites[0].egress}/"
    headers = {"host": f"{RESOURCE}.{partners.luebeck.trust_domain}"}
    began, made = monotonic(), 0
    while (now := monotonic() - began) < seconds:
        if made > now * RATE:
            await asyncio.sleep(0.005)
            continue
        async with client.get(url, headers=headers) as answer:
            await answer.read()
        made += 1
    return made


async def _measure(session: CDPSession) -> tuple[float, float, float]:
    """Used heap in bytes, nodes and listeners of the page, after collecting garbage."""
    for _ in range(3):
        await session.send("HeapProfiler.collectGarbage")
        await asyncio.sleep(0.2)
    metrics = {one["name"]: one["value"] for one in (await session.send("Performance.getMetrics"))["metrics"]}
    return metrics["JSHeapUsedSize"], metrics["Nodes"], metrics["JSEventListeners"]
