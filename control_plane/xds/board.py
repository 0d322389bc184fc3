"""The board: what all gateways should have, changed in whole steps, looked at through a view per gateway."""

from collections.abc import Callable, Iterable
from itertools import count

from control_plane.ports.publisher import Name, Publication
from control_plane.xds.frames import Frames, entry_of
from control_plane.xds.lazy import Lazy
from control_plane.xds.order import CHILD, PARENT, PUSH, RETURNING
from control_plane.xds.table import Table
from control_plane.xds.view import Shelf

Wake = Callable[[], None]


class Board:
    """Implements ``ports.publisher.Publisher``. One per process, used from its event loop only.

    Nothing is answered before ``open`` says that the board shows the whole world: a restart never looks like
    an empty one.
    """

    def __init__(self, lazy: Lazy | None = None) -> None:
        self._lazy = lazy  # clusters that gateways have to ask for, with their endpoints
        self.acks: dict[bytes, tuple[str, str]] = {}
        self.revision = 1  # 0 is before everything
        self.withdrew = 0
        self.ready = False
        serials = count(1)
        self._frames = {row.type_url: Frames(row.type_url, serials, self.acks) for row in PUSH}
        self._tables: dict[tuple[str, str], Table] = {}
        self._watchers: dict[str, list[Wake]] = {}

    def open(self) -> None:
        """Begin to answer: everything that gateways should have has been published."""
        self.ready = True
        self._wake({""})

    def publish(self, publication: Publication) -> None:
        """Take one step; raises ValueError, having changed nothing, when a resource cannot be shown."""
        revision = self.revision + 1
        wanted = {Name(r.type_url, r.name, r.scope): r for r in publication.upserts}
        removals = [name for name in dict.fromkeys(publication.removals) if self._has(name)]
        self._check(wanted, removals)
        entries = {
            name: entry_of(resource, revision)
            for name, resource in wanted.items()
            if self._table(name.type_url, name.scope).versions.get(name.name) != resource.version
        }
        touched = [*entries, *removals]
        if not touched:
            return
        self.revision = revision
        for name, entry in entries.items():
            self._table(name.type_url, name.scope).put(entry)
        for name in removals:
            self._table(name.type_url, name.scope).remove(name.name, revision)
            self.withdrew = revision
        for type_url in {name.type_url for name in touched}:
            self._frames[type_url].forget()
        self._wake({name.scope for name in touched})

    def view(self, gateway: str, *, tries: bool = True) -> "GatewayView":
        """Show what one gateway may see, to itself or to somebody who only keeps it."""
        return GatewayView(self, gateway, tries=tries)

    def shelf(self, type_url: str, scope: str) -> Shelf:
        """Show one type as the gateway ``scope`` sees it."""
        common, own = self._table(type_url, ""), self._table(type_url, scope)
        lazy = self._lazy if type_url in {PARENT, CHILD} else None
        return Shelf(self, self._frames[type_url], common=common, own=own, lazy=lazy)

    def watch(self, gateway: str, wake: Wake) -> None:
        """Call ``wake`` after each step that this gateway may see, until ``unwatch``."""
        self._watchers.setdefault(gateway, []).append(wake)

    def unwatch(self, gateway: str, wake: Wake) -> None:
        """Stop calling ``wake``."""
        watchers = self._watchers[gateway]
        watchers.remove(wake)
        if not watchers:
            del self._watchers[gateway]

    def nudge(self, gateway: str) -> None:
        """Let those who look as this gateway look again: it asked for something."""
        self._wake({gateway})

    def _wake(self, scopes: set[str]) -> None:
        gateways = self._watchers if "" in scopes else sorted(scopes & self._watchers.keys())
        for gateway in gateways:
            for wake in self._watchers[gateway]:
                wake()

    def _table(self, type_url: str, scope: str) -> Table:
        table = self._tables.get((type_url, scope))
        if table is None:
            table = self._tables[type_url, scope] = Table(returning=type_url in RETURNING)
        return table

    def _has(self, name: Name) -> bool:
        table = self._tables.get((name.type_url, name.scope))
        return table is not None and name.name in table.entries

    def _check(self, wanted: Iterable[Name], removals: Iterable[Name]) -> None:
        """Refuse what cannot be shown, before anything is."""
        leaving = set(removals)
        for name in wanted:
            if name.type_url not in self._frames:
                raise ValueError(f"expected one of {sorted(self._frames)}, got the type {name.type_url!r}")
            if name in leaving:
                raise ValueError(f"expected {name} to be put up or taken down, got both in one publication")


class GatewayView:
    """What one gateway may see; implements ``view.View``."""

    def __init__(self, board: Board, gateway: str, *, tries: bool) -> None:
        self.world = board
        self._gateway = gateway
        self._tries = tries

    def shelf(self, type_url: str) -> Shelf:
        """Show one type."""
        shelf = self.world.shelf(type_url, self._gateway)
        shelf.tries = self._tries
        return shelf
