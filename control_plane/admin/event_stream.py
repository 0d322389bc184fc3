"""``GET /events``: what happens, as server-sent events that a client can resume.

An event's id is a place in the store (admin/newsroom.py). With ``Last-Event-ID`` a client gets all that
happened since, whichever replica it speaks to. ``health`` has no id: it is sent at the start, and when it
changes.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from pydantic_core import to_json

from control_plane.admin.dependencies import Dependencies
from control_plane.admin.happening import Item, News, Place, Wanted, gap
from control_plane.admin.newsroom import HEALTH_EVERY, Follower, Newsroom, Sources, after
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.admin.status import status_of
from control_plane.model.change import Kind
from control_plane.model.problem import InvalidValueError
from control_plane.ports.errors import UnavailableError

PATH = f"{API}/events"
EVENT_STREAM = "text/event-stream"
BEAT = 15.0  # seconds after which a line is sent anyway, so that nobody in between thinks it dead
BEHIND = "fell_behind"
MAX_MISSED = 20_000  # rows that one answer makes up for; then the client comes back for more
_MAX_TEXT = 300
_NEWS = frozenset(News) - {News.GAP}
_KINDS = frozenset(kind.value for kind in Kind if kind is not Kind.SIGHTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """``kind``: of news (change, audit, circuit, health), ``object``: of changed objects; lists with commas.

    ``after`` is the id of the last event that was seen; the header ``Last-Event-ID`` goes before it.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    kind: str = ""
    object: str = ""
    after: str = ""

    def __post_init__(self) -> None:
        self.wanted()
        if self.after:
            Place.of(self.after)

    def wanted(self) -> Wanted:
        """What is asked for. Raises InvalidValueError for words that mean nothing."""
        news = frozenset(News(word) for word in _words("kind", self.kind, _NEWS))
        return Wanted(news or _NEWS, _words("object", self.object, _KINDS))


def _words(name: str, text: str, known: frozenset[str]) -> frozenset[str]:
    words = (
        frozenset(word.strip() for word in text.split(",") if word.strip()) if len(text) < _MAX_TEXT else None
    )
    if words is None or not words <= known:
        raise InvalidValueError("bad_parameter", f"expected some of {', '.join(sorted(known))} as {name}")
    return words


@route(Operation("GET", PATH, EventQuery, str, "What happens, as server-sent events", produces=EVENT_STREAM))
async def follow_events(call: Call, query: EventQuery) -> Reply:
    """Everything from now on, or after the event that the client saw last."""
    last = call.last_event_id or query.after
    since = Place.of(last) if last else None
    return Reply(_stream(call, query.wanted(), since))


def sources_of(deps: Dependencies) -> Sources:
    """Where the newsroom looks."""
    return Sources(following=deps.following, history=deps.history)


async def _stream(call: Call, wanted: Wanted, since: Place | None) -> AsyncIterator[bytes]:
    deps = call.deps
    room, sources = deps.newsroom, sources_of(deps)
    yield b"retry: 2000\n\n"
    try:
        async with room.follow(sources, wanted) as follower:
            if since is not None:
                async for item in _missed(sources, since, room.place):
                    if wanted.takes(item):
                        yield item.sent()
                    if item.code == BEHIND:
                        return
            health = _Health(deps, wanted)
            while not room.closing.is_set():
                for item in (*_waiting(follower), *await health.news()):
                    yield item.sent()
                if over := _over(call, follower):
                    yield over
                    return
                if health.beat():
                    # Everything up to here was told, also what was not wanted.
                    quiet = not follower.items and not follower.behind
                    yield f"id: {room.place}\n: still here\n\n".encode() if quiet else b": still here\n\n"
                await _woken(follower, room)
    except UnavailableError:
        yield gap("unavailable", "the database does not answer: go on from the last id").sent()


def _over(call: Call, follower: Follower) -> bytes:
    """What is said last: that whoever follows may not any more, or is too slow; nothing while it goes on."""
    if not call.deps.tokens.admits(call.actor):
        return gap("not_authenticated", "the token that this began with does not count any more").sent()
    if follower.behind:
        return gap(BEHIND, "more happened than was read: go on from the last id").sent()
    return b""


def _waiting(follower: Follower) -> list[Item]:
    items = list(follower.items)
    follower.items.clear()
    return items


async def _woken(follower: Follower, room: Newsroom) -> None:
    follower.woken.clear()
    if follower.items or follower.behind or room.closing.is_set():
        return
    try:
        async with asyncio.timeout(HEALTH_EVERY):
            await follower.woken.wait()
    except TimeoutError:
        return  # time to look how we are


async def _missed(sources: Sources, since: Place, until: Place) -> AsyncIterator[Item]:
    """What happened between two places."""
    if since.revision > until.revision or since.row > until.row:
        yield gap("unknown_id", "nothing like that id has happened here yet: this is told from now on")
        since = Place(min(since.revision, until.revision), min(since.row, until.row))
    told = 0
    while since != until and told < MAX_MISSED:
        items, place = await after(sources, since, until)
        if not items:
            return
        for item in items:
            yield item
        told, since = told + len(items), place
    if since != until:
        yield gap(BEHIND, "more happened than one answer holds: go on from the last id")


@dataclass(slots=True)
class _Health:
    """How this organisation is, as one follower was told it last."""

    deps: Dependencies
    wanted: Wanted
    _told: bytes = b""
    _looked: float = -HEALTH_EVERY
    _beaten: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    async def news(self) -> list[Item]:
        """What is different from what was told."""
        now = asyncio.get_running_loop().time()
        if News.HEALTH not in self.wanted.news or now - self._looked < HEALTH_EVERY:
            return []
        self._looked = now
        data = await self.deps.newsroom.health(partial(_health, self.deps))
        if data == self._told:
            return []
        self._told = data
        return [Item(News.HEALTH, data)]

    def beat(self) -> bool:
        """Whether it is time for a sign of life."""
        now = asyncio.get_running_loop().time()
        if now - self._beaten < BEAT:
            return False
        self._beaten = now
        return True


async def _health(deps: Dependencies) -> bytes:
    try:
        status = await status_of(deps)
    except UnavailableError:
        facts: dict[str, object] = {"verdict": "problem", "summary": "the database does not answer"}
        return to_json(facts)
    circuits = [circuit.state.value for *_, circuit in deps.fitness.circuits()] if deps.fitness else []
    return to_json(
        {
            "verdict": status.verdict,
            "summary": status.summary,
            "waiting": status.waiting,
            "problems": status.problems_total,
            "circuits": {word: circuits.count(word) for word in sorted(set(circuits))},
        }
    )


ROUTES = (follow_events,)
