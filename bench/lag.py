"""For how long a loop was not free: how late a clock in it ticks, and how much of that was its own doing."""

import asyncio
import time
from types import TracebackType
from typing import Self

EVERY = 0.005  # seconds between two ticks


class Lag:
    """Watches while it is entered. ``worst`` is all of it; ``own`` leaves out what other processes took."""

    def __init__(self) -> None:
        self.worst = 0.0
        self.own = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tick(), name="lag")
        await asyncio.sleep(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.sleep(EVERY)  # what came last is noticed too
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _tick(self) -> None:
        while True:
            began, computed = time.perf_counter(), time.thread_time()
            await asyncio.sleep(EVERY)
            late = time.perf_counter() - began - EVERY
            self.worst = max(self.worst, late)
            self.own = max(self.own, min(late, time.thread_time() - computed))
