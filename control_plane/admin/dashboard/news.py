"""Telling browsers that something happened, as server-sent events; what it was, the page asks for itself."""

import asyncio
from contextlib import suppress

from aiohttp import web

from control_plane.admin.dependencies import Dependencies
from control_plane.admin.event_stream import BEAT, sources_of
from control_plane.admin.newsroom import LOOK
from control_plane.admin.problems import ApiError

MAX_FOLLOWERS = 32


class News:
    """The streams of all browsers. The newsroom looks for them all, however many there are."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._followers = 0
        self._closing = deps.newsroom.closing

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
        return await self._deps.newsroom.newest(sources_of(self._deps))
