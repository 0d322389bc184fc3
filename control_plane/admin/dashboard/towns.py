"""Which nodes each organisation has, and how they are, from memory: thousands are not read for every page.

What changed since the last look is asked of the store, as the control plane itself follows it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from control_plane.model.agreement import Agreement
from control_plane.model.change import Change, Item, Kind
from control_plane.model.held import Held
from control_plane.model.node import Node, NodeStatus
from control_plane.model.resource import Resource
from control_plane.plan.merge import merge
from control_plane.ports.discovery import SourceState
from control_plane.ports.fitness import Fitness
from control_plane.ports.objects import Objects

States = Mapping[str, SourceState]  # how each source fares, by name

_NOTHING = "nothing_seen"  # what gateways find of a node that nothing was sent to


@dataclass(frozen=True, slots=True)
class Seen:
    """How a node is, and why a gateway thinks so (empty: only sources speak of it)."""

    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A node: whether it is announced, and by which sources now."""

    node_id: str
    offline: bool
    present: tuple[str, ...]
    words: str = ""  # all that it can be found by, in lower case

    def announced(self, states: States) -> NodeStatus:
        """Its status where no gateway has found anything (admin.spoken.status_of)."""
        if self.offline:
            return NodeStatus.OFFLINE
        seeing = any(name in states and states[name].lost_since is None for name in self.present)
        return NodeStatus.ONLINE if seeing else NodeStatus.UNKNOWN


@dataclass(slots=True)
class Towns:
    """One for all browsers. Call ``catch_up`` before anything is asked."""

    agreements: dict[str, Agreement] = field(default_factory=dict)
    resources: dict[str, str] = field(default_factory=dict)  # what each can be found by, in lower case
    _revision: int = 0
    _manual: dict[str, Node] = field(default_factory=dict)
    _held: dict[str, dict[str, Held]] = field(default_factory=dict)
    _entries: dict[str, dict[str, Entry]] = field(default_factory=dict)  # by organisation and node key
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def catch_up(self, objects: Objects, published: int) -> None:
        """Take over everything up to a revision. Raises UnavailableError."""
        async with self._turn:
            if self._revision < published or self._revision == 0:
                self._take(await objects.changes(self._revision))

    def names(self) -> list[str]:
        """Every organisation with an agreement or a node, by name."""
        return sorted({*self.agreements, *self._entries})

    def seen(self, fitness: Fitness | None, states: States) -> Mapping[str, Mapping[str, Seen]]:
        """By organisation how each of its nodes is, by node id."""
        return {organisation: self.nodes(organisation, fitness, states) for organisation in self._entries}

    def nodes(self, organisation: str, fitness: Fitness | None, states: States) -> Mapping[str, Seen]:
        """How each node of one organisation is, by node id."""
        found = {}
        for key, entry in self._entries.get(organisation, {}).items():
            finding = fitness.finding(key) if fitness else None
            if finding is not None and finding.reason != _NOTHING:
                found[entry.node_id] = Seen(finding.status.value, finding.reason)
            else:
                found[entry.node_id] = Seen(entry.announced(states).value, "")
        return found

    def words(self) -> Mapping[str, str]:
        """What each node can be found by, in lower case."""
        return {key: entry.words for nodes in self._entries.values() for key, entry in nodes.items()}

    def _take(self, change: Change) -> None:
        touched = {key for item in change.items if (key := self._put(item))}
        for key in touched:
            held = self._held.get(key, {}).values()
            merged = merge(self._manual.get(key), held)
            organisation = key.rpartition("@")[2]
            nodes = self._entries.setdefault(organisation, {})
            nodes.pop(key, None)
            if merged.node is not None:
                present = tuple(
                    one.sighting.source for one in held if one.missing is None and not one.offline
                )
                nodes[key] = Entry(merged.node.node_id, merged.offline, present, words_of(merged.node))
            elif not nodes:
                del self._entries[organisation]
        self._revision = change.revision

    def _put(self, item: Item) -> str:
        """Keep an object; the key of the node that is different then, if it is about one."""
        match item.kind, item.value:
            case Kind.AGREEMENT, Agreement() as agreement:
                self.agreements[item.key] = agreement
            case Kind.AGREEMENT, _:
                self.agreements.pop(item.key, None)
            case Kind.RESOURCE, Resource() as resource:
                self.resources[item.key] = f"{item.key} {resource.description}".lower()
            case Kind.RESOURCE, _:
                self.resources.pop(item.key, None)
            case Kind.NODE, Node() as node:
                self._manual[item.key] = node
                return item.key
            case Kind.NODE, _:
                self._manual.pop(item.key, None)
                return item.key
            case Kind.SIGHTING, Held() as held:
                self._held.setdefault(held.node_key, {})[item.key] = held
                return held.node_key
            case Kind.SIGHTING, _:
                node_key = item.key.partition(" ")[0]
                kept = self._held.get(node_key, {})
                kept.pop(item.key, None)
                if not kept:
                    self._held.pop(node_key, None)
                return node_key
        return ""


def words_of(node: Node) -> str:
    """What a node can be found by, in lower case."""
    addresses = " ".join(f"{each.host}:{each.port}" for each in node.endpoints)
    return f"{node.key} {node.name} {addresses}".lower()
