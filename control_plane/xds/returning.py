"""What is sent to a gateway that refused a version: the resource as it was when it was last taken.

An Envoy that has that version keeps it by itself, and finds nothing new; one that was started since has
nothing, and would go without a listener because of a change that it cannot take.
"""

from collections.abc import Iterable

from control_plane.xds.table import Entry
from control_plane.xds.view import Shelf


class Returning:
    """Names of one type on one stream that were refused, and not yet sent as they were before."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, Entry] = {}

    def __bool__(self) -> bool:
        return bool(self._names)

    def refused(self, entries: Iterable[Entry]) -> None:
        """Remember who was refused."""
        for entry in entries:
            entry.refused = True
            self._names[entry.name] = entry

    def take(self, shelf: Shelf) -> Entry | None:
        """The next one that is still what was refused, as it was before; to be sent alone."""
        while self._names:
            name, refused = self._names.popitem()
            before = shelf.before(name) if shelf.get(name) is refused else None
            if before is not None:
                return before
        return None
