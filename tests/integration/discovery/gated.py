"""A source that begins when it is told to."""

import asyncio
from collections.abc import AsyncIterator

from control_plane.ports.source import Report, Source


class Gated:
    """Implements ports.source.Source around another one."""

    def __init__(self, source: Source) -> None:
        self.kind = source.kind
        self.name = source.name
        self.begin = asyncio.Event()
        self._source = source

    async def reports(self) -> AsyncIterator[Report]:
        await self.begin.wait()
        async for report in self._source.reports():
            yield report

    def look(self) -> None:
        self._source.look()
