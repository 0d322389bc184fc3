"""Looking for what is new, for all browsers: rows of the audit, and whether anything else is different."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

from control_plane.admin.dashboard.render import render
from control_plane.admin.dependencies import Dependencies
from control_plane.ports.audit import AuditQuery
from control_plane.ports.errors import UnavailableError

TICK = 0.25  # seconds between looks at what is in memory; at once when something was published
LOOK = 0.5  # seconds between looks at the database; at once when this process stored a row
CALM = 0.03  # seconds after such a look, however much is stored or published
SURVEY = 2.0  # seconds between looks at gateways, problems and circuits
FIGURES = 5.0  # seconds after a row until curves and counts are news, however many come
MAX_ROWS = 20  # that are looked at and told at once
KEPT = 5 * MAX_ROWS  # rows that are known; a late one is told once


class Lookout:
    """``state`` is another one when pages should be asked for again; ``tell`` is called then, and for rows.

    A row may come before what it tells of is stored. So one that other news was told together with is news
    once more, after ``FIGURES``.
    """

    def __init__(self, deps: Dependencies, tell: Callable[[], None]) -> None:
        self._deps = deps
        self._tell = tell
        self._rows: deque[tuple[str, str]] = deque(maxlen=KEPT)  # id and HTML, the newest last
        self.state = ""
        self._survey = ""
        self._told = (0, "")  # revision and survey
        self._surveyed = float("-inf")
        self._counted = ""  # the newest row that curves and counts were told of
        self._uncounted = 0.0  # since when there are newer ones
        self._again = False  # that row was told of together with other news

    @property
    def newest(self) -> str:
        """The id of the newest row; empty while there is none."""
        return self._rows[-1][0] if self._rows else ""

    def after(self, row: str) -> list[tuple[str, str]]:
        """Id and HTML of the rows that came after this one, the newest of them; also when it is not known."""
        rows = list(self._rows)
        places = [place for place, (identifier, _) in enumerate(rows) if identifier == row]
        return rows[places[0] + 1 if places else 0 :][-MAX_ROWS:]

    def knows(self, row: str) -> bool:
        """Whether it was seen; empty (no row at all) is known."""
        return not row or any(identifier == row for identifier, _ in self._rows)

    async def once(self) -> None:
        """Look at everything."""
        await self.look()
        await self._consider()

    async def keep_looking(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rows_come())
            group.create_task(self._state_changes())

    async def _rows_come(self) -> None:
        stored = -1
        while True:
            stored = await self._deps.audit.until_stored(stored, within=LOOK)
            await self.look()
            await asyncio.sleep(CALM)

    async def _state_changes(self) -> None:
        published = -1
        while True:
            published = await self._deps.overview.until_published(published, within=TICK)
            await self._consider()
            await asyncio.sleep(CALM)

    async def look(self) -> None:
        """Ask for the newest rows; when the database does not answer, everything stays as it was."""
        with suppress(UnavailableError):
            newest = await self._deps.audit.query(AuditQuery(limit=MAX_ROWS))
            known = {identifier for identifier, _ in self._rows}
            fresh = [event for event in reversed(newest) if event.event_id not in known]
            for event in fresh:
                self._rows.append((event.event_id, render("row.html", {"event": event})))
            if fresh:
                self._tell()

    async def _consider(self) -> None:
        """Whether anything else is different."""
        now = asyncio.get_running_loop().time()
        if now - self._surveyed > SURVEY:
            self._surveyed = now
            with suppress(UnavailableError):
                self._survey = await self._look_around()
        told = (self._deps.overview.revision, self._survey)
        if told != self._told:  # with other news, curves are new too
            self._again = self._again or self._counted != self.newest
            self._told, self._counted, self._uncounted = told, self.newest, now
        elif self._counted == self.newest and not self._again:
            self._uncounted = now
        elif now - self._uncounted > FIGURES:
            self._counted, self._again = self.newest, False
        state = f"{told[0]}-{told[1]}-{self._counted[:8]}{'+' * self._again}"
        if state != self.state:
            self.state = state
            self._tell()

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
