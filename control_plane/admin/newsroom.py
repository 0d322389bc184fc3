"""What happens, looked at once for all who follow the event stream.

What happened has a place: the revision of the objects up to which it was told, and the number of the next
row of the audit log. Both are the store's own, so that a follower who comes back, to this replica or another,
goes on where it was. Followers have a bounded queue each; who falls behind is sent away, and comes back.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from control_plane.admin.happening import Item, Place, Wanted, of_revision, of_row
from control_plane.admin.problems import ApiError
from control_plane.ports.audit import AuditQuery
from control_plane.ports.audit_use import AuditFollowing
from control_plane.ports.errors import UnavailableError
from control_plane.ports.history import History

LOOK = 0.5  # seconds between looks
HEALTH_EVERY = 2.0
MAX_QUEUE = 256  # items that wait for one follower
MAX_FOLLOWERS = 64
REVISIONS, ROWS = 100, 500  # that are read at once
_TURNS = 10  # readings in one look; the rest is for the next

EVER = Place(2**62, 2**62)

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Follower:
    """What waits for one follower; ``behind`` when there was more than it may have."""

    wanted: Wanted
    items: deque[Item] = field(default_factory=deque)
    behind: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, item: Item) -> None:
        """Let it have what it wants, as long as there is room."""
        if not self.wanted.takes(item) or self.behind:
            return
        if len(self.items) >= MAX_QUEUE:
            self.behind = True
        else:
            self.items.append(item)
        self.woken.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where it is looked; ``history`` is None where objects have none."""

    following: AuditFollowing
    history: History | None


@dataclass(slots=True)
class Newsroom:
    """Looks as long as somebody follows."""

    closing: asyncio.Event = field(default_factory=asyncio.Event)
    place: Place = field(default_factory=Place)
    _followers: list[Follower] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _health: bytes = b""
    _health_at: float = -HEALTH_EVERY

    async def close(self, _: web.Application) -> None:
        """End every stream, so that a stop waits for none of them."""
        self.closing.set()
        for follower in self._followers:
            follower.woken.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    @property
    def followers(self) -> int:
        """How many follow."""
        return len(self._followers)

    async def health(self, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        """How this organisation is, by ``ask``, which is asked once for all."""
        async with self._turn:
            clock = asyncio.get_running_loop().time
            if clock() - self._health_at >= HEALTH_EVERY / 2:
                self._health_at, self._health = clock(), await ask()
            return self._health

    @asynccontextmanager
    async def follow(self, sources: Sources, wanted: Wanted) -> AsyncIterator[Follower]:
        """From ``place`` on, all that is wanted. Raises ApiError when there are too many."""
        if len(self._followers) >= MAX_FOLLOWERS or self.closing.is_set():
            raise ApiError("unavailable", f"expected at most {MAX_FOLLOWERS} open streams: close one")
        async with self._starting:
            if self._task is None or self._task.done():
                self.place = await _end(sources)
                self._task = asyncio.create_task(self._run(sources), name="event stream")
        with self._counted(Follower(wanted)) as follower:
            yield follower

    @contextmanager
    def _counted(self, follower: Follower) -> Iterator[Follower]:
        self._followers.append(follower)
        try:
            yield follower
        finally:
            self._followers.remove(follower)

    async def _run(self, sources: Sources) -> None:
        """Look until nobody follows any more."""
        while True:
            await asyncio.sleep(LOOK)
            if not self._followers:
                return
            try:
                await self._look(sources)
            except UnavailableError as error:
                _log.info("event_stream_waits", reason=str(error))

    async def _look(self, sources: Sources) -> None:
        for _ in range(_TURNS):
            items, place = await after(sources, self.place)
            # No turn for others in between: what is in the queues and the place belong together.
            self.place = place
            for follower in self._followers:
                for item in items:
                    follower.offer(item)
            if not items:
                return


async def _end(sources: Sources) -> Place:
    revisions = await sources.history.revisions(limit=1) if sources.history else ()
    return Place(revisions[0].revision if revisions else 0, await sources.following.end())


async def after(sources: Sources, place: Place, until: Place = EVER) -> tuple[list[Item], Place]:
    """The first of what happened after a place and up to another, and the place after that."""
    items: list[Item] = []
    history = sources.history if place.revision < until.revision else None
    for revision in await history.since(place.revision, limit=REVISIONS) if history else ():
        if revision.revision > until.revision:
            break
        place = Place(revision.revision, place.row)
        items.append(of_revision(revision, place))
    wanted = min(ROWS, until.row - place.row)
    rows = (
        (await sources.following.follow(place.row, query=AuditQuery(limit=wanted))).rows if wanted > 0 else ()
    )
    for row in rows:
        if row.number >= until.row:
            break
        items.extend(of_row(row, place))
        place = Place(place.revision, row.number + 1)
    return items, place
