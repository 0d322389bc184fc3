"""A fence around a third party's source: whatever happens inside, what comes out is a report.

It catches what is raised, checks the types of what is said, bounds how much and how often, and ends in time
also when the source does not. It cannot help against code that holds up the event loop: plugins run in the
process of the control plane, so only those that the settings name are loaded.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import structlog

from control_plane.discovery.sound import UnsoundError, one_clause, sound
from control_plane.kit.backoff import Backoff
from control_plane.model.sighting import SourceKind
from control_plane.ports.source import Lost, Report, Seen, Source

APART = 0.05  # seconds between two reports
FIRST_WITHIN = 30.0  # seconds until something has to be said
END_WITHIN = 0.7  # seconds; the contract allows one
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds until a source that failed is followed again
_IN_A_THREAD = 500  # candidates; more are checked without holding up the loop
_STRANGERS = (Exception, SystemExit)  # what code of others may raise

_log = structlog.get_logger(__name__)


class Fence:
    """Implements ports.source.Source for a source that may not. Its name is ``plugin:<name>``."""

    kind = SourceKind.PLUGIN

    def __init__(self, name: str, source: Source) -> None:
        self.name = f"{SourceKind.PLUGIN}:{name}"
        self._source = source
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Pass it on; a source that failed is followed again at once."""
        self._wake.set()
        try:
            self._source.look()
        except _STRANGERS as error:
            _log.warning("source_look_failed", source=self.name, error=type(error).__name__)

    async def reports(self) -> AsyncIterator[Report]:
        """What the source says; after a failure it is followed anew."""
        failures = Backoff(_FIRST_WAIT, _LONGEST_WAIT)
        while True:
            following = _Following(self.name, self._source)
            try:
                failed = False
                while not failed:
                    report, failed = await following.next()
                    yield report
                    if not failed:
                        failures.reset()
                        await asyncio.sleep(APART)
            finally:
                await following.close()
            await self._pause(failures.next(random.random()))  # noqa: S311 - spreads attempts, is no secret

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()


async def _checked(report: object) -> Report:
    large = isinstance(report, Seen) and len(report.candidates) > _IN_A_THREAD
    return await asyncio.to_thread(sound, report) if large else sound(report)


class _Following:
    """One following, in a task of its own that can be left behind."""

    def __init__(self, name: str, source: Source) -> None:
        self._name = name
        self._source = source
        self._said: asyncio.Queue[Report] = asyncio.Queue(maxsize=1)
        self._silent = True
        self._task = asyncio.create_task(self._follow(), name=f"{name}: fenced")

    async def next(self) -> tuple[Report, bool]:
        """What is said next, and whether it is the last because the source failed."""
        if not self._said.empty():
            return self._said.get_nowait(), False
        getting = asyncio.create_task(self._said.get(), name=f"{self._name}: report")
        try:
            within = FIRST_WITHIN if self._silent else None
            await asyncio.wait({getting, self._task}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            self._silent = False
            if getting.done():
                return getting.result(), False
            if self._task.done() and not self._said.empty():
                return self._said.get_nowait(), False
            if self._task.done():
                return Lost(self._task.result()), True
            return Lost(f"nothing was said within {FIRST_WITHIN:g} s"), False
        finally:
            getting.cancel()

    async def _follow(self) -> str:
        """Why it ended."""
        try:
            reports = self._source.reports()
            try:
                async for report in reports:
                    await self._said.put(await _checked(report))
            finally:
                close: Callable[[], object] | None = getattr(reports, "aclose", None)
                if close is not None:
                    await close()  # type: ignore[misc]  # of an asynchronous generator
        except UnsoundError as error:
            return str(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return "the plugin cancelled itself"
        except _STRANGERS as error:
            reason = one_clause(f"the plugin failed: {type(error).__name__}: {error}")
            _log.warning("source_failed", source=self._name, reason=reason)
            return reason
        return "the plugin stopped saying anything"

    async def close(self) -> None:
        """End the task, or leave it to itself."""
        self._task.cancel()
        done, _ = await asyncio.wait({self._task}, timeout=END_WITHIN)
        if not done:
            _log.warning("source_does_not_end", source=self._name)
