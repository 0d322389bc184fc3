"""Telling browsers that something happened, as server-sent events; what it was, the page asks for itself."""

import asyncio
from contextlib import suppress

from aiohttp import web

from control_plane.admin.dependencies import Dependencies
from control_plane.admin.problems import ApiError
from control_plane.ports.audit import AuditQuery
from control_plane.ports.errors import UnavailableError

LOOK = 0.5  # seconds between looks
BEAT = 15.0  # seconds after which a line is sent anyway, so that nobody in between thinks it dead
MAX_FOLLOWERS = 32


class News:
    """The streams of all browsers. One look serves them all, however many there are."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._followers = 0
        self._seen = ""
        self._looked = 0.0
        self._turn = asyncio.Lock()
        self._closing = asyncio.Event()

    async def close(self, _: web.Application) -> None:
        """End every stream, so that a stop waits for none of them."""
        self._closing.set()

    async def follow(self, request: web.Request) -> web.StreamResponse:
        """Send ``news`` with a new id whenever there is some; a returning browser names the last it had."""
        if self._followers >= MAX_FOLLOWERS:
            raise ApiError("unavailable", f"expected at most {MAX_FOLLOWERS} open pages: close one")
        answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        self._followers += 1
        try:
            await answer.prepare(request)
            with suppress(ConnectionError):  # the browser went away
                await self._tell(answer, request.headers.get("Last-Event-ID", ""))
        finally:
            self._followers -= 1
        return answer

    async def _tell(self, answer: web.StreamResponse, told: str) -> None:
        told = told or await self._state()
        await answer.write(b"retry: 2000\n\n")
        clock = asyncio.get_running_loop().time
        sent = clock()
        while not await self._closed():
            state = await self._state()
            if state != told:
                told, sent = state, clock()
                await answer.write(f"id: {told}\nevent: news\ndata: {{}}\n\n".encode())
            elif clock() - sent > BEAT:
                sent = clock()
                await answer.write(b": still here\n\n")

    async def _closed(self) -> bool:
        """Wait a little; whether the server stops."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), LOOK)
        return self._closing.is_set()

    async def _state(self) -> str:
        """What is newest; as it was, when the database does not answer."""
        async with self._turn:
            clock = asyncio.get_running_loop().time
            if clock() - self._looked >= LOOK / 2:
                self._looked = clock()
                try:
                    newest = await self._deps.audit.query(AuditQuery(limit=1))
                except UnavailableError:
                    return self._seen
                last = newest[0].event_id if newest else ""
                self._seen = f"{self._deps.overview.revision}-{last}"
            return self._seen
