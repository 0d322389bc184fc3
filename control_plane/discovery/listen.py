"""Listens to one source, whatever it does: raises, ends, or says nothing for too long.

Reports are whole, so only the newest one is kept for whoever is slower than the source.
"""

import asyncio
from contextlib import suppress
from random import SystemRandom
from types import TracebackType
from typing import Self

import structlog

from control_plane.kit.backoff import Backoff
from control_plane.ports.source import MAX_SILENCE, Lost, Report, Source

END = 2.0  # seconds that a cancelled source may take; it promised one
_FIRST, _LAST = 0.2, 30.0  # seconds before a source that failed is started again
_SHOWN = 200  # characters of what it died of

_log = structlog.get_logger()
_random = SystemRandom()


class Ear:
    """An async context manager; inside it ``next`` waits for what the source says."""

    def __init__(self, source: Source, *, silence: float = MAX_SILENCE) -> None:
        self._source = source
        self._silence = silence
        self._newest: Report | None = None
        self._heard = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_listening(), name=f"source {self._source.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=END)

    async def next(self, *, timeout: float) -> Report | None:  # noqa: ASYNC109 - None is an answer here
        """The newest report that was not returned yet; None when there is none in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._heard.wait()
        self._heard.clear()
        newest, self._newest = self._newest, None
        return newest

    def _say(self, report: Report) -> None:
        self._newest = report
        self._heard.set()

    async def _keep_listening(self) -> None:
        backoff, clock = Backoff(_FIRST, _LAST), asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._listen()
                reason = "it ended, which a source does not do"
            except TimeoutError:
                reason = f"it said nothing for {self._silence:g} s"
            except Exception as error:  # noqa: BLE001 - a source promised not to raise; its defect stays its own
                reason = f"it failed: {type(error).__name__}: {str(error)[:_SHOWN]}"
            _log.warning("a discovery source is started again", source=self._source.name, reason=reason)
            self._say(Lost(reason))
            if clock() - began > _LAST:  # one that says something and dies is not well
                backoff.reset()
            await asyncio.sleep(backoff.next(_random.random()))

    async def _listen(self) -> None:
        """Pass reports on; TimeoutError when the source hangs."""
        reports = aiter(self._source.reports())
        try:
            while True:
                async with asyncio.timeout(self._silence):
                    report = await anext(reports, None)
                if report is None:
                    return
                self._say(report)
        finally:
            close = getattr(reports, "aclose", None)
            if close is not None:
                with suppress(Exception):
                    async with asyncio.timeout(END):
                        await close()
