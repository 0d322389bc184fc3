"""The resources of one type in one scope, with what changed since when.

A stream remembers one revision and takes what is newer, so a change costs the same whatever the number of
resources, and streams that are slow skip what was superseded meanwhile.
"""

from collections import OrderedDict
from dataclasses import dataclass

from control_plane.model.xds import XdsResource

MAX_GONE = 65_536  # removals that are remembered; a stream that is behind them must begin anew
MAX_BEFORE = 10_000  # resources of which the version before is kept
_SHARED = 8  # answers to "since" that are kept for the other streams at the same position


@dataclass(slots=True, eq=False)
class Entry:
    """One resource as it is sent; ``frame`` is a response that holds only it (responses concatenate).

    ``child`` is the name of the endpoints that a cluster takes from ADS, else empty. Entries are compared by
    identity: there is one per change, shared by everybody. Only what gateways said of it changes.
    """

    name: str
    version: str
    frame: bytes
    child: str
    revision: int
    taken: bool = False  # some gateway acknowledged it
    refused: bool = False  # some gateway refused it


class Table:
    """Entries in the order of their last change, and the names that are gone."""

    __slots__ = ("_gone", "_since", "before", "entries", "horizon", "membership", "revision", "versions")

    def __init__(self, *, returning: bool = False) -> None:
        # The last good version of what was replaced, by name; None when nobody is to be sent such.
        self.before: OrderedDict[str, Entry] | None = OrderedDict() if returning else None
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.versions: dict[str, str] = {}
        self.revision = 0  # of the last change
        self.membership = 0  # revision of the last change of the set of names
        self.horizon = 0  # removals up to this revision are forgotten
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._since: dict[int, tuple[Entry, ...]] = {}

    def differs(self, resource: XdsResource) -> bool:
        """Whether ``resource`` is new here or has another version."""
        return self.versions.get(resource.name) != resource.version

    def put(self, entry: Entry) -> None:
        """Take the entry of a new revision."""
        replaced = self.entries.get(entry.name)
        if replaced is None:
            self.membership = entry.revision
            self._gone.pop(entry.name, None)
        elif self.before is not None:
            _keep(self.before, replaced)
        self.entries[entry.name] = entry
        self.entries.move_to_end(entry.name)
        self.versions[entry.name] = entry.version
        self._moved(entry.revision)

    def remove(self, name: str, revision: int) -> None:
        """Forget ``name``, which is here, and remember that it is gone."""
        del self.entries[name], self.versions[name]
        if self.before is not None:
            self.before.pop(name, None)
        self._gone[name] = revision
        self.membership = revision
        if len(self._gone) > MAX_GONE:
            _, self.horizon = self._gone.popitem(last=False)
        self._moved(revision)

    def since(self, position: int) -> tuple[Entry, ...]:
        """Entries that changed after ``position``, oldest first; the same tuple for everybody who asks."""
        if self.revision <= position:
            return ()
        shared = self._since.get(position)
        if shared is None:
            newer = []
            for entry in reversed(self.entries.values()):
                if entry.revision <= position:
                    break
                newer.append(entry)
            newer.reverse()
            shared = tuple(newer)
            if len(self._since) >= _SHARED:
                self._since.clear()
            self._since[position] = shared
        return shared

    def gone_since(self, position: int, upto: int) -> list[str]:
        """Names removed after ``position`` and not after ``upto``, the last one first."""
        names = []
        for name, revision in reversed(self._gone.items()):
            if revision <= position:
                break
            if revision <= upto:
                names.append(name)
        return names

    def _moved(self, revision: int) -> None:
        self.revision = revision
        self._since.clear()


def _keep(before: OrderedDict[str, Entry], replaced: Entry) -> None:
    """Keep what was acknowledged; what nobody answered yet only when there is nothing else."""
    if replaced.refused or not (replaced.taken or replaced.name not in before):
        return
    before[replaced.name] = replaced
    before.move_to_end(replaced.name)
    if len(before) > MAX_BEFORE:
        before.popitem(last=False)
