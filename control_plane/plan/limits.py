"""Which limits there are, and whose they are."""

from collections import Counter
from collections.abc import Iterable

from control_plane.model.identity import SpiffeId
from control_plane.model.limit import DEFAULT, limit_class
from control_plane.model.node import Node

Carried = tuple[SpiffeId, int]


class Limits:
    """The enabled nodes of partners that have a limit of their own, by limit and by identity."""

    def __init__(self) -> None:
        self._by_limit: Counter[int] = Counter()
        self._by_identity: Counter[SpiffeId] = Counter()

    @property
    def classes(self) -> tuple[int, ...]:
        """Every limit that there is, the default one first."""
        return (DEFAULT, *sorted(self._by_limit))

    def take(self, old: Node | None, new: Node | None) -> tuple[bool, set[SpiffeId]]:
        """Replace a node; whether other limits exist than before, and whose limit may be another."""
        gone, come = _carried(old), _carried(new)
        if gone == come:
            return False, set()
        before, identities = self.classes, {one[0] for one in (gone, come) if one}
        touched = {identity for identity in identities if identity in self._by_identity}
        self._count(gone, -1)
        self._count(come, +1)
        touched |= {identity for identity in identities if identity in self._by_identity}
        return before != self.classes, touched

    def _count(self, one: Carried | None, step: int) -> None:
        if one is None or one[1] == DEFAULT:
            return
        self._by_identity[one[0]] += step
        self._by_limit[one[1]] += step
        if not self._by_identity[one[0]]:
            del self._by_identity[one[0]]
        if not self._by_limit[one[1]]:
            del self._by_limit[one[1]]


def _carried(node: Node | None) -> Carried | None:
    if node is None or not node.enabled:
        return None
    return node.spiffe_id, limit_class(node.rate_limit_per_hour)


def limits_of(nodes: Iterable[Node], identities: Iterable[SpiffeId]) -> tuple[Carried, ...]:
    """Limits other than the default one among ``identities``; of nodes that share one, the highest counts."""
    highest: dict[SpiffeId, int] = dict.fromkeys(identities, 0)
    for carried in filter(None, map(_carried, nodes)):
        if carried[0] in highest:
            highest[carried[0]] = max(carried[1], highest[carried[0]])
    return tuple((one, limit) for one, limit in sorted(highest.items()) if limit not in {0, DEFAULT})
