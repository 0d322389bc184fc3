"""Long computations that let others run: written as generators, run in slices of time."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

SLICE = 0.01  # seconds of work before others get their turn

T = TypeVar("T")
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


async def in_slices(
    steps: Generator[Asked | None, Answer | None, T],
    *,
    seconds: float = SLICE,
    ask: Callable[[Asked], Awaitable[Answer]] | None = None,
) -> T:
    """Run ``steps`` to its end and return what it returns, without holding up the event loop.

    What it yields and is not None is a question for ``ask``, whose answer goes back in; None without ``ask``.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    answer: Answer | None = None
    while True:
        try:
            question = steps.send(answer)
        except StopIteration as finished:
            result: T = finished.value
            return result
        answer = None if question is None or ask is None else await ask(question)
        if clock() - began > seconds:
            await asyncio.sleep(0)
            began = clock()
