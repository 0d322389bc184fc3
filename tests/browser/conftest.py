"""One system and one browser for all tests of this folder."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.system import CHROMIUM, System, system
from tests.integration.discovery.bind9 import NAMED, WITHOUT_BIND9

expect.set_options(timeout=15_000)  # ms: on a busy machine slowness alone is never a failure


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of this folder need a browser, share one event loop, and may wait for a whole system to start."""
    reason = "Debian's package chromium is not installed: run make test as root, or install it"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))
            item.add_marker(pytest.mark.skipif(CHROMIUM is None, reason=reason))
            item.add_marker(pytest.mark.skipif(NAMED is None, reason=WITHOUT_BIND9))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running() -> AsyncIterator[System]:
    """The system; the first test waits until it runs."""
    with tempfile.TemporaryDirectory(prefix="proxenia-browser-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # noqa: ASYNC240 - one call on a local directory
        async with system(directory) as made:
            yield made


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def nobody_complained(running: System) -> AsyncIterator[None]:
    """Every test's pages are watched: no error of the console, no dialog, no request to anybody else."""
    for side in (running.luebeck, running.novgorod):
        side.wrong.clear()
    yield
    assert not running.wrong, "\n".join(running.wrong)


@pytest_asyncio.fixture(loop_scope="session")
async def partners(running: System) -> System:
    """The system whose organisations trust each other."""
    await running.befriend()
    return running
