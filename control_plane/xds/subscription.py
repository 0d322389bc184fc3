"""What one stream asks of one type: all, some names, or both (on-demand clusters beside the wildcard).

Source: "How the client specifies what resources to return", "Subscribing to" and "Unsubscribing from"
of Envoy's xDS protocol.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

ALL = "*"
MAX_NAMES = 100_000  # names that one stream may ask of one type


class ProtocolError(ValueError):
    """The other end broke the protocol, or one of its limits; its stream ends, nobody else's does."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asks for: each of ``names``, or all, is answered whether or not it was sent before."""

    names: Sequence[str] = field(default=())
    everything: bool = False


class Subscription:
    """The names asked for by one stream, and whether it asks for all."""

    __slots__ = ("_defaults_to_all", "_legacy", "_spoke_names", "changes", "lazy", "names", "wildcard")

    def __init__(self, *, defaults_to_all: bool, lazy: Callable[[str], bool] | None = None) -> None:
        self._defaults_to_all = defaults_to_all
        self.lazy = lazy  # names that asking for all does not include
        self._spoke_names = False  # from then on, naming nothing means nothing
        self._legacy = False  # all is asked for by naming nothing
        self.wildcard = False
        self.names: dict[str, None] = {}
        self.changes = 0  # how often it became another

    def wants(self, name: str) -> bool:
        """Whether changes of ``name`` concern this stream."""
        return name in self.names or (self.wildcard and not (self.lazy and self.lazy(name)))

    def change(self, subscribe: Sequence[str], unsubscribe: Sequence[str]) -> Asked:
        """Apply one request; raises ProtocolError when more names are asked for than allowed."""
        if not subscribe and not unsubscribe:
            return self._default()
        self._spoke_names = True
        self.changes += 1
        dropped = self._drop(unsubscribe)
        everything, added = self._add(subscribe)
        if self.wildcard:
            # The other end cannot know whether the wildcard still covers a name that it dropped: it is told.
            added += [name for name in dropped if name not in self.names]
        return Asked(added, everything)

    def _default(self) -> Asked:
        if self._spoke_names or not self._defaults_to_all or self.wildcard:
            return Asked()
        self.wildcard = self._legacy = True
        return Asked(everything=True)

    def _drop(self, unsubscribe: Iterable[str]) -> list[str]:
        dropped = []
        for name in unsubscribe:
            if name == ALL:
                self.wildcard = self._legacy = False
            elif name in self.names:  # a name that was never asked for may be dropped: nothing to do
                del self.names[name]
                dropped.append(name)
        return dropped

    def _add(self, subscribe: Sequence[str]) -> tuple[bool, list[str]]:
        everything = False
        if ALL in subscribe:
            # Saying ``*`` where nothing was said before continues; saying it again asks for all again.
            everything = not self._legacy
            self.wildcard, self._legacy = True, False
            subscribe = [name for name in subscribe if name != ALL]
        added = list(subscribe)
        self.names.update(dict.fromkeys(added))
        if len(self.names) > MAX_NAMES:
            raise ProtocolError(f"expected at most {MAX_NAMES} names of one type, got {len(self.names)}")
        return everything, added
