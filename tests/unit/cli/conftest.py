"""The command line against a real API in a thread, over fakes."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner, Result

from control_plane.cli.main import main
from tests.unit.admin.world import World, running

# When a test that is not async comes first, pytest-asyncio makes a loop on the side and never closes it.
asyncio.set_event_loop(None)


class _Thread(threading.Thread):
    """Runs the API on a loop of its own until told to stop."""

    def __init__(self, **as_made: Any) -> None:  # noqa: ANN401 - what running() takes
        super().__init__(name="api", daemon=True)
        self._as_made = as_made
        self.world: World | None = None
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with running(**self._as_made) as world:
            self.world = world
            self.ready.set()
            await self._end.wait()

    def stop(self) -> None:
        assert self._loop is not None
        assert self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self.join(10)


@dataclass
class Terminal:
    """Types commands for one organisation."""

    world: World

    @property
    def socket(self) -> str:
        assert self.world.serving is not None
        return str(self.world.serving.unix_path)

    @property
    def address(self) -> str:
        """The API over TCP."""
        assert self.world.serving is not None
        return f"http://127.0.0.1:{self.world.serving.port}"

    def run(self, *words: str, stdin: str | None = None, **environment: str) -> Result:
        env = {"PROXENIA_ADMIN": self.socket, "PROXENIA_STATE_DIR": str(self.world.directory), **environment}
        return CliRunner().invoke(main, list(words), input=stdin, env=env)

    def good(self, *words: str, stdin: str | None = None) -> str:
        """The output of a command that must succeed."""
        result = self.run(*words, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout


@contextmanager
def open_terminal(**as_made: Any) -> Iterator[Terminal]:  # noqa: ANN401 - what running() takes
    """A terminal of a running organisation, made as ``running`` of tests.unit.admin.world says."""
    thread = _Thread(**as_made)
    thread.start()
    assert thread.ready.wait(10)
    assert thread.world is not None
    try:
        yield Terminal(thread.world)
    finally:
        thread.stop()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with open_terminal() as opened:
        yield opened
