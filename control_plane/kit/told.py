"""A number that goes up, and that others wait for."""

import asyncio


class Told:
    """Counts; whoever waits wakes up at every count, and misses none: it says which one it has seen."""

    def __init__(self) -> None:
        self._count = 0
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Count one more."""
        self._count += 1
        self._next.set()
        self._next = asyncio.Event()

    async def other_than(self, seen: int, *, within: float) -> int:
        """The count as soon as it is not ``seen`` any more, or as it is after ``within`` seconds."""
        if self._count == seen:
            try:
                async with asyncio.timeout(within):
                    await self._next.wait()
            except TimeoutError:
                pass  # as it is, then
        return self._count
