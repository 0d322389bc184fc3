"""Telling browsers what happened, as server-sent events.

``rows`` brings the newest rows of the audit, made into HTML by the same template as the page; ``news`` says
that something else is different, and the page asks for itself again. The id names both the newest row and the
state: a browser that comes back names the last it had, and gets what it missed. ``ended`` says that whoever
reads is not signed in any more, and is the last.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

from aiohttp import web

from control_plane.admin.dashboard.render import render
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.problems import ApiError
from control_plane.ports.audit import AuditQuery
from control_plane.ports.errors import UnavailableError

TICK = 0.25  # seconds between looks at what is in memory; at once when something was published
LOOK = 0.5  # seconds between looks at the database; at once when this process stored a row
CALM = 0.03  # seconds after such a look, however much is stored or published
SURVEY = 2.0  # seconds between looks at gateways, problems and circuits
FIGURES = 5.0  # seconds after a row until curves and counts are news, however many come
BEAT = 15.0  # seconds after which a line is sent anyway, so that nobody in between thinks it dead
ASK = 1.0  # seconds between looks whether a reader is still signed in
PATIENCE = 10.0  # seconds for a browser to take what is sent
MAX_FOLLOWERS = 32
MAX_ROWS = 20  # that are looked at and sent at once
KEPT = 5 * MAX_ROWS  # rows that are known; a late one is told once


class News:
    """The streams of all browsers. One task looks for all of them, from the first until the last has gone."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._followers: set[asyncio.Event] = set()
        self._looking: asyncio.Task[None] | None = None
        self._closing = False
        self._rows: deque[tuple[str, str]] = deque(maxlen=KEPT)  # id and HTML, the newest last
        self._state = ""
        self._survey = ""
        self._told = (0, "")  # revision and survey
        self._surveyed = float("-inf")
        self._counted = ""  # the newest row that curves and counts were told of
        self._uncounted = 0.0  # since when there are newer ones

    async def close(self, _: web.Application) -> None:
        """End every stream, so that a stop waits for none of them."""
        self._closing = True
        self._wake()
        looking = self._looking
        if looking is not None:
            looking.cancel()
            await asyncio.wait([looking])

    async def follow(self, request: web.Request, stands: Callable[[], bool]) -> web.StreamResponse:
        """Send what comes, as long as the reader ``stands``; who returns names the last id that it had."""
        if len(self._followers) >= MAX_FOLLOWERS:
            raise ApiError("unavailable", f"expected at most {MAX_FOLLOWERS} open pages: close one")
        answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        event = asyncio.Event()
        self._followers.add(event)
        try:
            await answer.prepare(request)
            await self._begin()
            with suppress(ConnectionError, TimeoutError):  # the browser went away, or takes nothing
                await self._tell(request, answer, event, stands)
        finally:
            self._followers.discard(event)
            self._end()
        return answer

    async def _tell(
        self,
        request: web.Request,
        answer: web.StreamResponse,
        event: asyncio.Event,
        stands: Callable[[], bool],
    ) -> None:
        had = request.headers.get("Last-Event-ID", "")
        state, _, row = had.rpartition("/") if had else (self._state, "", self._newest)
        await _send(answer, "retry: 1000\n\n")
        quiet = 0
        while not self._closing and not _left(request):
            if not stands():
                await _send(answer, "event: ended\ndata: signed out\n\n")
                return
            missed = self._after(row)
            if missed:
                row = missed[-1][0]
                html = "".join(f"data: {line}\n" for _, text in missed for line in text.splitlines())
                await _send(answer, f"id: {state}/{row}\nevent: rows\n{html}\n")
            if state != self._state:
                state = self._state
                await _send(answer, f"id: {state}/{row}\nevent: news\ndata: {state}\n\n")
            quiet = 0 if await _set(event, within=ASK) else quiet + 1
            if quiet * ASK >= BEAT:
                quiet = 0
                await _send(answer, ": still here\n\n")

    @property
    def _newest(self) -> str:
        return self._rows[-1][0] if self._rows else ""

    def _after(self, row: str) -> list[tuple[str, str]]:
        """The rows that came after this one, the newest of them; also when it is not known any more."""
        rows = list(self._rows)
        places = [place for place, (identifier, _) in enumerate(rows) if identifier == row]
        return rows[places[0] + 1 if places else 0 :][-MAX_ROWS:]

    def _wake(self) -> None:
        for event in self._followers:
            event.set()

    async def _begin(self) -> None:
        """What there is before the first browser is not news to it."""
        if not self._followed:
            await self._look()
            await self._consider()
        if not self._followed:  # nobody else did so meanwhile
            self._looking = asyncio.create_task(self._keep_looking(), name="dashboard news")

    def _end(self) -> None:
        if not self._followers and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    @property
    def _followed(self) -> bool:
        return self._looking is not None and not self._looking.done()

    async def _keep_looking(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rows_come())
            group.create_task(self._state_changes())

    async def _rows_come(self) -> None:
        stored = -1
        while True:
            stored = await self._deps.audit.until_stored(stored, within=LOOK)
            await self._look()
            await asyncio.sleep(CALM)

    async def _state_changes(self) -> None:
        published = -1
        while True:
            published = await self._deps.overview.until_published(published, within=TICK)
            await self._consider()
            await asyncio.sleep(CALM)

    async def _look(self) -> None:
        """Ask for the newest rows; when the database does not answer, everything stays as it was."""
        with suppress(UnavailableError):
            newest = await self._deps.audit.query(AuditQuery(limit=MAX_ROWS))
            known = {identifier for identifier, _ in self._rows}
            fresh = [event for event in reversed(newest) if event.event_id not in known]
            for event in fresh:
                self._rows.append((event.event_id, render("row.html", {"event": event})))
            if fresh:
                self._wake()

    async def _consider(self) -> None:
        """Whether anything else is different."""
        now = asyncio.get_running_loop().time()
        if now - self._surveyed > SURVEY:
            self._surveyed = now
            with suppress(UnavailableError):
                self._survey = await self._look_around()
        told = (self._deps.overview.revision, self._survey)
        if told != self._told or self._counted == self._newest:  # with other news, curves are new too
            self._told, self._counted, self._uncounted = told, self._newest, now
        elif now - self._uncounted > FIGURES:
            self._counted = self._newest
        state = f"{told[0]}-{told[1]}-{self._counted[:8]}"
        if state != self._state:
            self._state = state
            self._wake()

    async def _look_around(self) -> str:
        """A digest of what is told on pages and is no object: problems, circuits, who is connected."""
        deps = self._deps
        circuits = deps.fitness.circuits() if deps.fitness else ()
        fleet = [
            (state.gateway, state.connected, [bool(each.refused) for each in state.deliveries])
            for state in await deps.deliveries.all()
        ]
        runs = deps.audits.reconciling.running() if deps.audits else ()
        comparing = [(each.organisation, each.stage, round(each.share, 2)) for each in runs]
        seen = repr(
            (deps.overview.problems, deps.waiting(), fleet, [each[:3] for each in circuits], comparing)
        )
        return sha256(seen.encode("utf-8", "replace")).hexdigest()[:8]


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
