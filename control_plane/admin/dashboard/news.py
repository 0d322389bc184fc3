"""Telling browsers what happened, as server-sent events.

``rows`` brings the newest rows of the audit, made into HTML by the same template as the page; ``news`` says
that something else is different, and the page asks for itself again. The id names both the newest row and the
state: a browser that comes back names the last it had, and gets what it missed. A new page names what it was
made from, and gets what came since. ``ended`` says that whoever reads is not signed in any more, and is the
last.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from control_plane.admin.dashboard.lookout import Lookout
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.problems import ApiError

BEAT = 15.0  # seconds after which a line is sent anyway, so that nobody in between thinks it dead
ASK = 1.0  # seconds between looks whether a reader is still signed in
PATIENCE = 10.0  # seconds for a browser to take what is sent
MAX_FOLLOWERS = 32
_NAME = re.compile(r"[\w.+-]{0,100}")  # of a row or a state; nothing else is repeated in an event


class News:
    """The streams of all browsers. One task looks for all of them, from the first until the last has gone."""

    def __init__(self, deps: Dependencies) -> None:
        self._lookout = Lookout(deps, self._wake)
        self._followers: dict[asyncio.Event, web.Request] = {}
        self._looking: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def state(self) -> str:
        """What a page that is asked for now has seen at least; ``follow`` tells it the rest."""
        return self._lookout.state

    async def close(self, _: web.Application) -> None:
        """End every stream, so that a stop waits for none of them."""
        self._closing = True
        self._wake()
        looking = self._looking
        if looking is not None:
            looking.cancel()
            await asyncio.wait([looking])

    async def follow(self, request: web.Request, stands: Callable[[], bool]) -> web.StreamResponse:
        """Send what comes, as long as the reader ``stands``.

        Who returns names the last id that it had; a new page the ``state`` that it was made from, and the
        newest ``row`` that it shows, if it shows any.
        """
        if sum(not _left(each) for each in self._followers.values()) >= MAX_FOLLOWERS:
            raise ApiError("unavailable", f"expected at most {MAX_FOLLOWERS} open pages: close one")
        answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        event = asyncio.Event()
        self._followers[event] = request
        try:
            await answer.prepare(request)
            await self._begin()
            with suppress(ConnectionError, TimeoutError):  # the browser went away, or takes nothing
                await self._tell(request, answer, event, stands)
        finally:
            del self._followers[event]
            self._end()
        return answer

    async def _tell(
        self,
        request: web.Request,
        answer: web.StreamResponse,
        event: asyncio.Event,
        stands: Callable[[], bool],
    ) -> None:
        state, row = self._had(request)
        if not self._lookout.knows(row):  # the page was quicker than we
            await self._lookout.look()
        await _send(answer, "retry: 1000\n\n")
        quiet = 0
        while not self._closing and not _left(request):
            if not stands():
                await _send(answer, "event: ended\ndata: signed out\n\n")
                return
            missed = self._lookout.after(row)
            if missed:
                row = missed[-1][0]
                html = "".join(f"data: {line}\n" for _, text in missed for line in text.splitlines())
                await _send(answer, f"id: {state}/{row}\nevent: rows\n{html}\n")
            if state != self._lookout.state:
                state = self._lookout.state
                await _send(answer, f"id: {state}/{row}\nevent: news\ndata: {state}\n\n")
            quiet = 0 if await _set(event, within=ASK) else quiet + 1
            if quiet * ASK >= BEAT:
                quiet = 0
                await _send(answer, ": still here\n\n")

    def _had(self, request: web.Request) -> tuple[str, str]:
        """The state and the newest row that the reader has; who does not say has all there is."""
        state, _, row = request.headers.get("Last-Event-ID", "").rpartition("/")
        if not state:
            state = request.query.get("state", self._lookout.state)
            row = request.query.get("row", self._lookout.newest)
        return _name(state), _name(row)

    def _wake(self) -> None:
        for event in self._followers:
            event.set()

    async def _begin(self) -> None:
        """The first finds what there is."""
        if not self._followed:
            await self._lookout.once()
        if not self._followed:  # nobody else did so meanwhile
            self._looking = asyncio.create_task(self._lookout.keep_looking(), name="dashboard news")

    def _end(self) -> None:
        if not self._followers and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    @property
    def _followed(self) -> bool:
        return self._looking is not None and not self._looking.done()


def _name(text: str) -> str:
    """The text, or nothing when it can be no name of ours: what is repeated must not be another event."""
    return text if _NAME.fullmatch(text) else ""


def _left(request: web.Request) -> bool:
    """Whether the browser has closed the connection: nobody need write to it to know."""
    return request.transport is None or request.transport.is_closing()


async def _set(event: asyncio.Event, *, within: float) -> bool:
    """Whether it was set so soon; it is not any more."""
    try:
        async with asyncio.timeout(within):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True


async def _send(answer: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(PATIENCE):
        await answer.write(text.encode())
