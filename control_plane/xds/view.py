"""The world as one gateway sees it: what all gateways have, and what is meant for this one alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from control_plane.xds.frames import Frames, Response
from control_plane.xds.lazy import Lazy
from control_plane.xds.table import Entry, Table

RECENTLY_GONE = 1_000  # removals that are repeated to a gateway that reconnects


class World(Protocol):
    """What is looked at, in numbered steps."""

    revision: int  # the last step
    withdrew: int  # the last step that took something away
    acks: dict[bytes, tuple[str, str]]  # type and nonce, by the bytes of the ACK


class Shelf:
    """One type as one gateway sees it: a resource of its own hides that of the same name which all see."""

    __slots__ = ("_frames", "_world", "common", "lazy", "own", "tries")

    def __init__(
        self, world: World, frames: Frames, *, common: Table, own: Table, lazy: Lazy | None = None
    ) -> None:
        self.lazy = lazy  # what has to be asked for by name
        self.tries = True  # whoever looks uses what it takes: its word on a version counts
        self._world = world
        self._frames = frames
        self.common = common
        self.own = own

    @property
    def revision(self) -> int:
        """The world's last step, whether or not it touched this type."""
        return self._world.revision

    @property
    def changed(self) -> int:
        """The last step that touched what is seen here."""
        return max(self.common.revision, self.own.revision)

    @property
    def membership(self) -> int:
        """The last step after which other names are seen here."""
        return max(self.common.membership, self.own.membership)

    @property
    def horizon(self) -> int:
        """Removals up to this step are forgotten."""
        return max(self.common.horizon, self.own.horizon)

    def __len__(self) -> int:
        hidden = sum(name in self.common.entries for name in self.own.entries)
        return len(self.common.entries) + len(self.own.entries) - hidden

    def get(self, name: str) -> Entry | None:
        """Find a resource."""
        return self.own.entries.get(name) or self.common.entries.get(name)

    def took(self, entries: Iterable[Entry]) -> None:
        """Note what was acknowledged, if that says anything."""
        if self.tries:
            for entry in entries:
                entry.taken = True

    def before(self, name: str) -> Entry | None:
        """Find the last good version of a resource whose present one was refused."""
        table = self.own if name in self.own.entries else self.common
        found = table.before.get(name) if table.before else None
        return None if found is None or found.refused else found

    def versions(self) -> Mapping[str, str]:
        """Every name with its version; not to be changed."""
        if not self.own.versions:
            return self.common.versions
        return {**self.common.versions, **self.own.versions}

    def since(self, position: int) -> tuple[Entry, ...]:
        """Resources that are different from after ``position``, each once; shared by all who see the same."""
        common, own = self.common.since(position), self.own
        if not own.revision:
            return common
        shown = [entry for entry in common if entry.name not in own.entries]
        bared = [self.common.entries.get(name) for name in own.gone_since(position, own.revision)]
        again = [entry for entry in bared if entry is not None and entry.revision <= position]
        return (*shown, *again, *own.since(position))

    def gone_since(self, position: int, upto: int) -> list[str]:
        """Names that went after ``position`` and not after ``upto``; some may be seen in the other table."""
        return self.common.gone_since(position, upto) + self.own.gone_since(position, upto)

    def kept(self, names: Sequence[str]) -> list[str]:
        """Return the same names, as the strings that are kept here anyway."""
        known = self.common.entries.get
        return [name if (entry := known(name)) is None else entry.name for name in names]

    def recently_gone(self) -> list[str]:
        """Name what went last, for a gateway that may have missed it."""
        return self.gone_since(0, self.revision)[:RECENTLY_GONE]

    def response(self, entries: tuple[Entry, ...], removed: tuple[str, ...], *, after: int) -> Response:
        """Put these in a response, shared with other streams if one with these was made already."""
        return self._frames.response(entries, removed, after=after)


class View(Protocol):
    """One gateway's view of all types."""

    @property
    def world(self) -> World:
        """What is looked at."""

    def shelf(self, type_url: str) -> Shelf:
        """Show one type."""
