"""Resources that a gateway gets when it asks for them by name, and not because it asks for everything.

Envoy asks for a cluster on demand once, at the first request, and never again: a name that does not exist
(yet), and one that exists no more, is answered with an empty resource: requests fail at once and do not wait.
Source: "On-demand CDS" of Envoy's documentation, and what was seen of Envoy 1.40.
"""

from collections.abc import Callable
from dataclasses import dataclass

from control_plane.model.xds import XdsResource
from control_plane.xds.frames import entry_of
from control_plane.xds.table import Entry

MAX_EMPTY = 2_000  # names that one stream is told are empty; each costs Envoy some 30 KB


@dataclass(frozen=True, slots=True)
class Lazy:
    """Names that begin with ``prefix``; ``empty`` makes the resource that stands for nothing."""

    prefix: str
    empty: Callable[[str], XdsResource]

    def covers(self, name: str) -> bool:
        """Whether ``name`` has to be asked for."""
        return name.startswith(self.prefix)


class OnDemand:
    """What one stream asked for by name; ``lazy`` None means that nothing has to be."""

    __slots__ = ("_empty", "_lazy")

    def __init__(self, lazy: Lazy | None) -> None:
        self._lazy = lazy
        self._empty: set[str] = set()  # names that were answered with nothing

    def covers(self, name: str) -> bool:
        """Whether ``name`` has to be asked for."""
        return self._lazy is not None and self._lazy.covers(name)

    def has_room(self, name: str) -> bool:
        """Whether nothing may be sent for this name."""
        return self.covers(name) and (name in self._empty or len(self._empty) < MAX_EMPTY)

    def nothing(self, name: str) -> Entry:
        """What stands for nothing, under this name: requests to it fail at once."""
        self._empty.add(name)
        return entry_of(self._resource(name), 0)

    def version(self, name: str) -> str:
        """The version of ``nothing``."""
        return self._resource(name).version

    def _resource(self, name: str) -> XdsResource:
        if self._lazy is None:
            raise ValueError(f"expected a name that is asked for on demand, got {name!r}")
        return self._lazy.empty(name)
