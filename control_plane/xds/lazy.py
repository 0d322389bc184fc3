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

    def entry(self, name: str) -> Entry:
        """Nothing, under this name."""
        return entry_of(self.empty(name), 0)
