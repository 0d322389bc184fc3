"""Long computations that let others run: written as generators, run in slices of time."""

import asyncio
from collections.abc import Generator
from typing import TypeVar

SLICE = 0.01  # seconds of work before others get their turn

T = TypeVar("T")


async def in_slices(steps: Generator[None, None, T], *, seconds: float = SLICE) -> T:
    """Run ``steps`` to its end and return what it returns, without holding up the event loop."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            result: T = finished.value
            return result
        if clock() - began > seconds:
            await asyncio.sleep(0)
            began = clock()
