"""A proof for many rows of a log at once: the tree is built again of those rows, and of nodes for all others.

A part of the log is proven from a place where a head was (its frontier is given) to a later head. Rows that
are left out appear as the largest complete subtrees that they fill, so a few rows need few nodes, and all
rows need none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from control_plane.chain.tree import Frontier, node_hash

MAX_LEVEL = 62


def left_out(at: int, leaves: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """The nodes, as (level, hash), that stand for ``leaves`` of which the first is number ``at``."""
    place, end = at, at + len(leaves)
    while place < end:
        level = (end - place).bit_length() - 1
        if place:
            level = min(level, (place & -place).bit_length() - 1)
        width = 1 << level
        yield level, Frontier().extended(leaves[place - at : place - at + width]).root
        place += width


@dataclass(slots=True)
class Rebuilt:
    """A tree that is built again; ``size`` is how far it is."""

    size: int
    _peaks: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, start: Frontier) -> "Rebuilt":
        """Begin where a head was."""
        return cls(start.size, list(start.peaks))

    def add(self, node: bytes, level: int = 0) -> None:
        """The next leaf, or the node of a complete subtree; ValueError when it cannot stand here."""
        if not 0 <= level <= MAX_LEVEL or self.size % (1 << level):
            raise ValueError(f"expected a node that can follow {self.size} leaves, got one of level {level}")
        full = self.size >> level
        while full & 1:
            node = node_hash(self._peaks.pop(), node)
            full >>= 1
        self._peaks.append(node)
        self.size += 1 << level

    @property
    def root(self) -> bytes:
        """The root of the tree so far."""
        return Frontier(self.size, tuple(self._peaks)).root
