"""Nodes as everybody together describes them: the operator's own, and what sources say.

The keys of sightings begin with the key of their node and a space, which is less than anything in such a key:
both kinds are in the same order, and are read side by side.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from control_plane.admin.listing import OrganisationQuery, every
from control_plane.admin.operation import Call
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import MAX_KEY, check_revision, find, value_of
from control_plane.model.change import Kind
from control_plane.model.held import Held
from control_plane.model.identity import shown
from control_plane.model.node import Node, NodeStatus
from control_plane.plan.merge import Merged, merge
from control_plane.ports.discovery import SourceState
from control_plane.ports.objects import Objects, Stored

_AFTER_ALL_OF_A_NODE = "!"  # the least that is greater than a space
_MOST = 1000  # sources that are heard about one node

States = Mapping[str, SourceState]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One node: what the operator stored of it, and what each source says."""

    key: str
    manual: Stored | None
    sightings: tuple[Stored, ...]
    merged: Merged = field(init=False, compare=False, repr=False)  # the node that they are all about

    def __post_init__(self) -> None:
        manual = value_of(self.manual, Node) if self.manual else None
        object.__setattr__(self, "merged", merge(manual, self.held))

    @property
    def held(self) -> list[Held]:
        """What each source says."""
        return [value_of(stored, Held) for stored in self.sightings]

    @property
    def node(self) -> Node:
        """The node as it is used."""
        node = self.merged.node
        assert node is not None  # noqa: S101 - somebody speaks of it
        return node

    @property
    def stored(self) -> Sequence[Stored]:
        """Every object that the node is made of."""
        return (self.manual, *self.sightings) if self.manual else self.sightings

    @property
    def revision(self) -> int:
        """The operator's revision of it, as If-Match names it; of the newest sighting where there is none."""
        return self.manual.revision if self.manual else max(one.revision for one in self.sightings)


async def each(
    objects: Objects, *, after: str = "", organisation: str = "", step: int = 500
) -> AsyncIterator[Spoken]:
    """All nodes with keys after ``after``, in their order; of one organisation. ``step`` are read at once."""
    nodes = every(objects, Kind.NODE, after=after, organisation=organisation, step=step)
    past = after + _AFTER_ALL_OF_A_NODE if after else ""
    sightings = every(objects, Kind.SIGHTING, after=past, organisation=organisation, step=step)
    node, sighting = await anext(nodes, None), await anext(sightings, None)
    while node or sighting:
        key = min(_node_key(stored) for stored in (node, sighting) if stored)
        manual, said = None, []
        if node and node.key == key:
            manual, node = node, await anext(nodes, None)
        while sighting and _node_key(sighting) == key:
            said.append(sighting)
            sighting = await anext(sightings, None)
        yield Spoken(key, manual, tuple(said))


def _node_key(stored: Stored) -> str:
    return stored.key.partition(" ")[0]


async def read_nodes(objects: Objects, query: OrganisationQuery) -> tuple[list[Spoken], str | None]:
    """The nodes of a page, and the cursor of the next (None: this is the last)."""
    found: list[Spoken] = []
    organisation = query.organisation or ""
    async for one in each(objects, after=query.after, organisation=organisation, step=query.limit + 1):
        if len(found) == query.limit:
            return found, found[-1].key
        found.append(one)
    return found, None


async def spoken_of(objects: Objects, key: str) -> Spoken | None:
    """The node of this key, if anybody speaks of it."""
    if len(key) > MAX_KEY or not key.isprintable() or " " in key:
        return None
    manual = await objects.get(Kind.NODE, key)
    following = await objects.page(Kind.SIGHTING, after=f"{key} ", limit=_MOST)
    sightings = tuple(stored for stored in following if _node_key(stored) == key)
    return Spoken(key, manual, sightings) if manual or sightings else None


async def find_node(call: Call) -> Spoken:
    """The node that a path names by key or id, at the revision that the caller expects. Raises ApiError."""
    key = await call.deps.node_ids.key_of(call.path["key"], call.deps.objects)
    spoken = await spoken_of(call.deps.objects, key)
    if spoken is None:
        raise ApiError("not_found", f"there is no node {shown(key)}")
    if spoken.manual:
        check_revision(call, spoken.manual)
    return spoken


async def find_own_entry(call: Call) -> Stored:
    """What the operator stored of the node that a path names. Raises ApiError where only sources speak."""
    spoken = await find_node(call)
    if spoken.manual is None:
        sources = ", ".join(spoken.merged.sources)
        raise ApiError(
            "discovered_node", f"expected a node that was added, got {spoken.key}, which {sources} publishes"
        )
    return await find(call, Kind.NODE, spoken.key)


def status_of(spoken: Spoken, states: States) -> NodeStatus:
    """Online while a source that can see says so; unknown where nobody looks, or nobody can see."""
    if spoken.merged.offline:
        return NodeStatus.OFFLINE
    present = [one for one in spoken.held if one.missing is None and not one.offline]
    seeing = [one for one in present if one.sighting.source in states and not _lost(one, states)]
    return NodeStatus.ONLINE if seeing else NodeStatus.UNKNOWN


def last_seen(spoken: Spoken, states: States) -> datetime | None:
    """When any source said so last."""
    moments = [one.missing or _seen_at(one, states) for one in spoken.held]
    return max(filter(None, moments), default=None)


def _lost(held: Held, states: States) -> bool:
    return states[held.sighting.source].lost_since is not None


def _seen_at(held: Held, states: States) -> datetime | None:
    """When the source noted that it looked; what is new is stored a moment before that is noted."""
    state = states.get(held.sighting.source)
    return max(state.seen_at, held.since) if state and state.seen_at else None
