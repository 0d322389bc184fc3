"""Who refers to what: many values by key, so that a change finds what it touches without a search."""

from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


class Index(Generic[K, V]):
    """Sets of values by key; a key without values takes no room."""

    __slots__ = ("_sets",)

    def __init__(self) -> None:
        self._sets: dict[K, set[V]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._sets

    def of(self, key: K) -> AbstractSet[V]:
        """The values of ``key``; not to be kept while the index changes."""
        return self._sets.get(key, frozenset())

    def add(self, key: K, value: V) -> None:
        """Put ``value`` under ``key``."""
        self._sets.setdefault(key, set()).add(value)

    def discard(self, key: K, value: V) -> None:
        """Take ``value`` from ``key`` if it is there."""
        values = self._sets.get(key)
        if values is not None:
            values.discard(value)
            if not values:
                del self._sets[key]
