"""The sources of discovery: how each fares, what it refused, and having them look again now."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from control_plane.admin.dependencies import DiscoveryParts
from control_plane.admin.listing import PageQuery, part, shaped
from control_plane.admin.node_view import NodeView, node_view, trust_levels
from control_plane.admin.operation import API, Call, Keyed, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.spoken import Spoken, each
from control_plane.admin.tokens import Role
from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError, Problem
from control_plane.observe.metrics import Family, Sample
from control_plane.ports.discovery import SourceState

SOURCES = f"{API}/federation/sources"
DISCOVER = f"{API}/federation/discover"
MAX_WAIT = 10.0  # seconds
MAX_NODES = 1000
MAX_CONFLICTS = 100  # told at once
MAX_SOURCES, MAX_CODES = 20, 20  # in metrics
_PAUSE = 0.05  # seconds between looks whether the sources have answered


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """How a source fares. ``state`` is ``seeing``, ``lost`` (what it said stands) or ``starting``.

    ``age_seconds``: since it said last what it sees. ``refused``: the first of its refused records word by
    word; ``refused_by_code`` counts them all.
    """

    name: str
    kind: str
    configured: bool
    state: str
    seen_at: datetime | None
    age_seconds: float | None
    lost_since: datetime | None
    reason: str
    nodes: int
    left_out: int
    refused_by_code: dict[str, int]
    refused: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class SourceList:
    """All sources, and the contradictions among them; the earlier identity of a node stays."""

    items: tuple[SourceView, ...]
    next: str | None
    conflicts: tuple[Problem, ...]
    conflicts_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Which sources shall look (names or kinds; none: all), how long to wait, how many nodes to tell."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    sources: tuple[str, ...] = ()
    timeout: float = 3.0
    maximum: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.timeout <= MAX_WAIT:
            raise InvalidValueError("bad_setting", f"expected a timeout from 0 to {MAX_WAIT:g} s")
        if not 1 <= self.maximum <= MAX_NODES:
            raise InvalidValueError("bad_setting", f"expected a maximum from 1 to {MAX_NODES}")


@dataclass(frozen=True, slots=True)
class Found:
    """What these sources see now; ``waiting`` did not answer in time, ``total`` nodes are seen."""

    items: tuple[NodeView, ...]
    total: int
    waiting: tuple[str, ...]
    sources: tuple[SourceView, ...]


def _parts(call: Call) -> DiscoveryParts:
    if call.deps.discovery is None:
        raise ApiError("discovery_off", "expected discovery to run, got a control plane without it")
    return call.deps.discovery


async def _states(parts: DiscoveryParts) -> list[SourceState]:
    """Every source by name, also those that have not said anything yet."""
    known = {state.name: state for state in await parts.sources.all()}
    for name in parts.names:
        known.setdefault(name, SourceState.silent(name))
    return [known[name] for name in sorted(known)]


def source_view(state: SourceState, parts: DiscoveryParts, now: datetime) -> SourceView:
    """A state as the API shows it."""
    seeing = "seeing" if state.seen_at else "starting"
    return SourceView(
        name=state.name,
        kind=state.kind,
        configured=state.name in parts.names,
        state="lost" if state.lost_since else seeing,
        seen_at=state.seen_at,
        age_seconds=max(0.0, (now - state.seen_at).total_seconds()) if state.seen_at else None,
        lost_since=state.lost_since,
        reason=state.reason,
        nodes=state.findings.nodes,
        left_out=state.findings.left_out,
        refused_by_code=dict(state.findings.refused_by_code),
        refused=state.findings.refused,
    )


@route(Operation("GET", SOURCES, PageQuery, SourceList, "How the sources of discovery fare"))
async def list_sources(call: Call, query: PageQuery) -> Reply:
    """One page, by name: freshness, last error, counts, refused records; and contradictions."""
    parts, now = _parts(call), call.deps.now()
    page, following = part(await _states(parts), query, lambda state: state.name)
    views = await shaped(page, lambda state: source_view(state, parts, now))
    conflicts = parts.conflicts()
    return Reply(SourceList(views, following, conflicts[:MAX_CONFLICTS], len(conflicts)))


@route(
    Operation(
        "POST",
        DISCOVER,
        Look,
        Found,
        "Have sources look now; what they see",
        role=Role.OPERATOR,
        deadline=MAX_WAIT + 10,
        keyed=Keyed.APART,
    )
)
async def discover(call: Call, look: Look) -> Reply:
    """Ask, wait for answers, and tell the nodes that these sources speak of."""
    parts = _parts(call)
    names = _chosen(look, parts.names)
    waiting = await _answered(parts, names, timeout=look.timeout)
    found: list[Spoken] = []
    total = 0
    async for spoken in each(call.deps.objects):
        if any(held.missing is None and held.sighting.source in names for held in spoken.held):
            total += 1
            if len(found) < look.maximum:
                found.append(spoken)
    states = {state.name: state for state in await parts.sources.all()}
    levels = await trust_levels(call.deps, (spoken.node.organisation for spoken in found))
    now = call.deps.now()
    return Reply(
        Found(
            tuple(
                node_view(one, call.deps, trust=levels[one.node.organisation], states=states) for one in found
            ),
            total,
            waiting,
            tuple(source_view(states[name], parts, now) for name in names if name in states),
        )
    )


def _chosen(look: Look, names: Sequence[str]) -> tuple[str, ...]:
    if not look.sources:
        return tuple(names)
    for wanted in look.sources:
        if not any(_is(name, wanted) for name in names):
            raise ApiError("unknown_source", f"expected one of {', '.join(names)}, got {shown(wanted)}")
    return tuple(name for name in names if any(_is(name, wanted) for wanted in look.sources))


def _is(name: str, wanted: str) -> bool:
    """Whether a source is meant by its name or by its kind."""
    return wanted in {name, name.partition(":")[0]}


async def _answered(parts: DiscoveryParts, names: Sequence[str], *, timeout: float) -> tuple[str, ...]:  # noqa: ASYNC109 - who is late is an answer
    """Ask these sources to look; those that had not reported in time."""
    clock = asyncio.get_running_loop().time
    until = clock() + timeout
    asked = await parts.sources.ask(names)
    while True:
        looked = {state.name: state.looked_at for state in await parts.sources.all()}
        late = tuple(name for name in names if (looked.get(name) or asked) <= asked)
        if not late or clock() >= until:
            return late
        await asyncio.sleep(min(_PAUSE, max(0.0, until - clock())))


async def meter(call: Call) -> Sequence[Family]:
    """How sources fare, as metrics."""
    parts = call.deps.discovery
    if parts is None:
        return ()
    now = call.deps.now()
    every = await _states(parts)
    views = [source_view(state, parts, now) for state in every[:MAX_SOURCES]]
    codes = [
        Sample((view.name, code), number)
        for view in views
        for code, number in sorted(view.refused_by_code.items())[:MAX_CODES]
    ]
    ages = [Sample((view.name,), view.age_seconds) for view in views if view.age_seconds is not None]
    by_source = ("source",)
    return (
        Family(
            "proxenia_discovery_source_up",
            "1 while the source can see.",
            by_source,
            tuple(Sample((view.name,), float(view.state == "seeing")) for view in views),
        ),
        Family(
            "proxenia_discovery_source_age_seconds",
            "Seconds since it said last what it sees.",
            by_source,
            tuple(ages),
        ),
        Family(
            "proxenia_discovery_source_nodes",
            "Nodes in its last report.",
            by_source,
            tuple(Sample((view.name,), view.nodes) for view in views),
        ),
        Family(
            "proxenia_discovery_source_left_out",
            "Nodes beyond what a source may say.",
            by_source,
            tuple(Sample((view.name,), view.left_out) for view in views),
        ),
        Family(
            "proxenia_discovery_refused",
            "Refused records of its last report, by code.",
            ("source", "code"),
            tuple(codes),
        ),
        Family.of(
            "proxenia_discovery_conflicts",
            "Nodes to which sources give different identities.",
            len(parts.conflicts()),
        ),
        Family.of(
            "proxenia_discovery_sources_left_out",
            "How many are not among the series.",
            max(0, len(every) - MAX_SOURCES),
        ),
    )


ROUTES = (list_sources, discover)
