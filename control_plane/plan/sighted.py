"""What is said of each node, by the operator and by sources: what ``plan.merge`` makes nodes of."""

from collections.abc import Set as AbstractSet

from control_plane.model.change import Item, Kind
from control_plane.model.held import Held
from control_plane.model.identity import TrustDomain
from control_plane.model.node import Node
from control_plane.model.problem import Problem
from control_plane.plan.facts import put
from control_plane.plan.index import Index
from control_plane.plan.merge import Merged, merge


class Sighted:
    """Nodes of the operator and sightings, by node key; the contradictions among them, by organisation."""

    def __init__(self) -> None:
        self.count = 0  # sightings
        self._manual: dict[str, Node] = {}
        self._held: dict[str, dict[str, Held]] = {}  # by node key, then by key
        self._of: Index[TrustDomain, str] = Index()  # keys of nodes that any source speaks of
        self._conflicts: dict[TrustDomain, dict[str, Problem]] = {}

    def take(self, item: Item) -> str:
        """Take over what the operator or a source says; the key of the node that it is about."""
        match item:
            case Item(Kind.NODE, key, Node() | None as node):
                put(self._manual, key, node)
                return key
            case Item(Kind.SIGHTING, key, Held() | None as held):
                return self._put(key, held)
            case _:
                raise TypeError(f"expected a value of kind {item.kind}, got {type(item.value).__name__}")

    def _put(self, key: str, held: Held | None) -> str:
        node_key = key.partition(" ")[0]
        organisation = TrustDomain(node_key.partition("@")[2])
        said = self._held.setdefault(node_key, {})
        self.count += (held is not None) - (key in said)
        put(said, key, held)
        if held is not None:
            self._of.add(organisation, node_key)
        if not said:
            del self._held[node_key]
            self._of.discard(organisation, node_key)
        return node_key

    def of(self, organisation: TrustDomain) -> AbstractSet[str]:
        """The keys of nodes of this organisation that sources speak of."""
        return self._of.of(organisation)

    def manual(self, key: str) -> Node | None:
        """The node as the operator alone describes it."""
        return self._manual.get(key)

    def merged(self, key: str) -> Merged:
        """The node as everybody together describes it."""
        return merge(self._manual.get(key), self._held.get(key, {}).values())

    def note(self, key: str, organisation: TrustDomain, conflict: Problem | None) -> bool:
        """Remember who contradicts; whether that is news."""
        present = self._conflicts.get(organisation, {})
        if present.get(key) == conflict:
            return False
        if conflict is not None:
            self._conflicts.setdefault(organisation, {})[key] = conflict
        else:
            del present[key]
            if not present:
                del self._conflicts[organisation]
        return True

    def conflicts(self, organisation: TrustDomain) -> tuple[Problem, ...]:
        """Every contradiction about nodes of this organisation, in a fixed order."""
        found = self._conflicts.get(organisation, {})
        return tuple(found[key] for key in sorted(found))

    def all_conflicts(self) -> tuple[Problem, ...]:
        """Those of every organisation."""
        return tuple(one for organisation in sorted(self._conflicts) for one in self.conflicts(organisation))
