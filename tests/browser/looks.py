"""What a page looks like, judged by the browser that has laid it out: what is cut off, and what overlaps."""

from pathlib import Path

from playwright.async_api import Page

_FAULTS = Path(__file__).with_name("looks.js").read_text()
MOST = 20


async def faults(page: Page) -> list[str]:
    """Everything that is wrong with how the page looks, in words; at most ``MOST``."""
    found = await page.evaluate(_FAULTS)
    return [str(one) for one in found][:MOST]
