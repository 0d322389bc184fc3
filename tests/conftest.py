"""For all tests: no loop that nobody closes, and on a busy machine slowness alone is never a failure.

Without a decision, asyncio makes a loop for the main thread the first time that the test plugin asks for the
present one (Python 3.11), and its end is a warning in whatever test happens to run then.

`make test` runs the tests in several processes. What shares a running system stays together in one of them,
and the long groups begin first; a test marked ``alone`` measures time, and no other process tests meanwhile.
"""

import asyncio
import fcntl
import signal
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

asyncio.set_event_loop(None)

# A background job of a shell ignores Ctrl-C, and the commands that are started here would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("proxenia", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("proxenia")

# Folders whose tests share a running system (or the multicast of this host), the longest first.
TOGETHER = ("e2e", "integration/discovery", "browser", "docs", "integration/admin")


def _group(nodeid: str) -> str:
    """The folder or the file whose tests stay together."""
    file = nodeid.partition("::")[0].removeprefix("tests/")
    return next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long groups first."""
    places = {folder: place for place, folder in enumerate(TOGETHER)}
    items.sort(key=lambda item: places.get(_group(item.nodeid), len(TOGETHER)))


class _Groups(LoadScopeScheduling):  # type: ignore[misc]  # that package is not typed
    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Which tests go to one process."""
    return _Groups(config, log)


@contextmanager
def _held(lock: Path, how: int) -> Iterator[None]:
    with lock.open("a") as file:
        fcntl.flock(file, how)
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that is ``alone`` waits for those that run; the next ones wait for it. No time-out counts it."""
    cache = item.config.cache
    if cache is None or not hasattr(item.config, "workerinput"):
        return (yield)
    locks = cache.mkdir("alone")
    how = fcntl.LOCK_SH if item.get_closest_marker("alone") is None else fcntl.LOCK_EX
    with ExitStack() as stack:
        with _held(locks / "door", fcntl.LOCK_EX):
            stack.enter_context(_held(locks / "room", how))
        return (yield)
