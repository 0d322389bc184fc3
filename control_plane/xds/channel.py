"""One type on one stream: what was asked, what was sent, and what came back. Acknowledged is not sent.

The other end is known by one revision up to which it was told of everything, and by the exceptions to that:
names that must be answered, responses in flight, and versions that it refused.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain

from control_plane.model.delivery import Refusal
from control_plane.xds.frames import Response
from control_plane.xds.lazy import OnDemand
from control_plane.xds.order import DEFAULT_TO_ALL, PARENT
from control_plane.xds.refusals import clean, judge
from control_plane.xds.returning import Returning
from control_plane.xds.subscription import ProtocolError, Subscription
from control_plane.xds.table import Entry
from control_plane.xds.view import Shelf

WINDOW = 16  # responses of one type in flight; then changes are gathered until one is answered
MAX_NAME = 2_048  # characters of a name that is asked for


class BehindError(Exception):
    """The stream is behind the removals that are remembered; a new one can be told what it missed."""


@dataclass(slots=True, eq=False)
class Sent:
    """A response in flight; ``base`` is the step up to which everything was sent before it."""

    entries: tuple[Entry, ...]
    absent: tuple[str, ...]
    base: int


class Channel:
    """The state of one type; ``upserts`` and ``removals`` say what to send next."""

    __slots__ = (
        "_demand",
        "_missing",
        "_removed_to",
        "_returning",
        "_serial",
        "_unanswered",
        "asked",
        "doubted",
        "groups",
        "in_flight",
        "opened_at",
        "owed",
        "position",
        "refused",
        "shelf",
        "stirred",
        "type_url",
    )

    def __init__(self, type_url: str, shelf: Shelf) -> None:
        self.type_url = type_url
        self.shelf = shelf
        lazy = shelf.lazy
        self.asked = Subscription(
            defaults_to_all=type_url in DEFAULT_TO_ALL, lazy=lazy.covers if lazy else None
        )
        self._demand = OnDemand(lazy if type_url == PARENT else None)
        self.opened_at = 0  # everything that changed later was or will be sent on this stream
        self.position = shelf.revision  # what changed up to here was sent
        self.stirred = True  # there may be something to send that is not a change
        self.owed: dict[str, None] = {}  # names to answer, changed or not, existing or not
        self.groups: deque[tuple[int, tuple[str, ...]]] = deque()  # base and names: to offer again apart
        self.refused: dict[str, Refusal] = {}
        self.in_flight: dict[str, Sent] = {}
        self.doubted: set[str] = set()  # it may apply another version than it lists
        self._unanswered = True  # a type's first request is answered even when there is nothing to say
        self._removed_to = shelf.revision
        self._missing: dict[str, None] = {}  # the gateway has it from an earlier stream, and it is gone
        self._returning = Returning()
        self._serial = 0

    def open(
        self,
        subscribe: Sequence[str],
        unsubscribe: Sequence[str],
        held: Mapping[str, str],
        doubts: AbstractSet[str] = frozenset(),
    ) -> None:
        """Take the first request; ``held`` are the versions that the gateway has from an earlier stream.

        ``doubts`` are names of which it may have applied another version: it refused a response in part, or
        its answer was lost. They are sent again, whatever it lists.
        """
        if doubts:
            self.doubted.update(doubts)
            held = {**held, **{name: "" for name in doubts if name in held}}
        self.opened_at = self.shelf.revision if held else 0
        if self.asked.lazy is not None and not self.shelf.tries:
            subscribe = [*subscribe, *filter(self.asked.lazy, held)]  # who keeps it goes on keeping it
        self.ask(subscribe, unsubscribe, held=held)
        if self.asked.wildcard:
            # Envoy does not list what came in a response that it refused in part: told again that it is gone.
            self._missing.update((name, None) for name in self.shelf.recently_gone() if name not in held)

    def ask(self, subscribe: Sequence[str], unsubscribe: Sequence[str], *, held: Mapping[str, str]) -> None:
        """Take a change of what is asked for; a stale nonce beside it changes nothing about that."""
        if max(map(len, subscribe), default=0) > MAX_NAME:
            raise ProtocolError(f"expected names of at most {MAX_NAME} characters, got a longer one")
        asked = self.asked.change(self.shelf.kept(subscribe), unsubscribe)
        self.stirred = True
        if unsubscribe:
            wants = self.asked.wants
            self.owed = {name: None for name in self.owed if wants(name)}
            self.refused = {name: refusal for name, refusal in self.refused.items() if wants(name)}
        if asked.everything and not held:
            self.refused.clear()
            self.position = 0
        elif asked.everything:
            versions = self.shelf.versions()
            if held != versions:
                known = versions if self.asked.lazy is None else filter(self.asked.wants, versions)
                self._claim([*known, *(name for name in held if name not in versions)], held)
        self._claim(asked.names, held)

    def settle(self, nonce: str, refusal: str | None, *, now: float) -> bool:
        """Take an ACK, or a NACK with Envoy's text; False when nothing with this nonce is in flight."""
        sent = self.in_flight.pop(nonce, None)
        if sent is None:
            return False
        if refusal is not None:
            self._refuse(sent, refusal, now)
            return True
        self.shelf.took(sent.entries)
        if self.doubted:
            self.doubted.difference_update(entry.name for entry in sent.entries)
        if self.refused:
            for entry in sent.entries:
                if self._is_refused(entry):
                    del self.refused[entry.name]
        return True

    def upserts(self) -> Response | None:
        """Say what to send next of what exists, and of what was asked for and does not."""
        if len(self.in_flight) >= WINDOW:
            return None
        shelf = self.shelf
        if self.refused:  # a refusal is forgotten when what was refused is withdrawn
            self.refused = {n: refusal for n, refusal in self.refused.items() if shelf.get(n) is not None}
        entries, absent = self._with_owed(self.pending())
        base = self._base(entries)
        self.position = shelf.revision
        self.owed = {}
        if entries or absent or self._unanswered:
            self._unanswered = False
            self.stirred = bool(self.groups or self._returning)
            return self._send(entries, absent, base)
        response = self._next_group()
        if response is None and (before := self._returning.take(shelf)) is not None:
            response = self._send((before,), (), self.position)
        self.stirred = bool(self.groups or self._returning)
        return response

    def removals(self, limit: int) -> Response | None:
        """Say what to take back of what went up to step ``limit``."""
        missing = self._missing if limit >= self.opened_at else {}
        if (limit <= self._removed_to and not missing) or len(self.in_flight) >= WINDOW:
            return None
        if self.shelf.horizon > self._removed_to:
            raise BehindError
        gone = dict.fromkeys(self.shelf.gone_since(self._removed_to, limit)) | missing
        missing.clear()
        self._removed_to = max(limit, self._removed_to)
        names = tuple(n for n in gone if self.asked.wants(n) and self.shelf.get(n) is None)
        emptied = tuple(self._demand.nothing(name) for name in names if self._demand.covers(name))
        names = tuple(name for name in names if not self._demand.covers(name))
        return self._send(emptied, names, limit) if names or emptied else None

    def pending(self) -> tuple[Entry, ...]:
        """What changed and is to be sent: asked for, and not refused. Shared when nothing is left out."""
        changed, asked = self.shelf.since(self.position), self.asked
        if not asked.wildcard or asked.lazy is not None:
            wanted = tuple(entry for entry in changed if asked.wants(entry.name))
            changed = changed if len(wanted) == len(changed) else wanted
        if self.refused:
            changed = tuple(entry for entry in changed if not self._is_refused(entry))
        return changed

    @property
    def owes_removals(self) -> bool:
        """Whether the gateway has things that were gone before this stream began."""
        return bool(self._missing)

    @property
    def settled(self) -> bool:
        """Whether everything was sent and acknowledged."""
        return not (self.in_flight or self.stirred or self.refused) and self.shelf.changed <= self.position

    @property
    def settled_to(self) -> int:
        """The step up to which everything was sent and answered."""
        bases = [sent.base for sent in self.in_flight.values()]
        bases += [base for base, _ in self.groups]
        return min(bases, default=0 if self._unanswered else self.position)

    @property
    def troubled(self) -> bool:
        """Whether something offered is refused, or still to be answered or offered again."""
        return bool(self.refused or self.groups or self.owed or self._unanswered)

    @property
    def doubts(self) -> frozenset[str]:
        """Names of which a gateway that goes now may have applied what it will not list."""
        flying = (entry.name for sent in self.in_flight.values() for entry in sent.entries)
        again = (name for _, names in self.groups for name in names)
        return frozenset(chain(self.doubted, flying, again))

    def _claim(self, names: Sequence[str], held: Mapping[str, str]) -> None:
        """Owe an answer for each name of which the gateway does not have the present version."""
        versions = self.shelf.versions()
        same = bool(names) and held == versions  # nothing happened meanwhile: told in one comparison
        for name in [n for n in names if n not in versions or not (same or held.get(n) == versions[n])]:
            if name not in versions and self._demand.covers(name):
                if name not in held or held[name] != self._demand.version(name):
                    self.owed[name] = None
                continue
            # What the gateway has and should not have is taken back in its turn; the rest is answered now.
            (self._missing if name in held and name not in versions else self.owed)[name] = None
            self.refused.pop(name, None)

    def _refuse(self, sent: Sent, text: str, now: float) -> None:
        verdict = judge(sent.entries, text, current=self._is_current)
        detail = clean(text)
        for entry in verdict.guilty:
            self.refused[entry.name] = Refusal(entry.name, entry.version, detail, now)
        # Who was alone is refused also when it is not current any more, or is what was before.
        self._returning.refused(verdict.guilty or (sent.entries if len(sent.entries) == 1 else ()))
        self.groups.extend((sent.base, names) for names in verdict.again)
        if sent.entries:  # what is not there was perhaps not read either
            gone = (name for name in sent.absent if self.asked.wants(name) and self.shelf.get(name) is None)
            self.owed.update((name, None) for name in gone)
        self.stirred = True

    def _is_refused(self, entry: Entry) -> bool:
        refusal = self.refused.get(entry.name)
        return refusal is not None and refusal.version == entry.version

    def _is_current(self, entry: Entry) -> bool:
        shown = self.shelf.get(entry.name)
        return shown is not None and shown.version == entry.version and self.asked.wants(entry.name)

    def _with_owed(self, changed: tuple[Entry, ...]) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
        """Add what must be answered; beside it, names that do not exist."""
        if not self.owed:
            return changed, ()
        chosen = {entry.name: entry for entry in changed}
        absent = []
        for name in self.owed:
            entry = self.shelf.get(name)
            if entry is None and self._demand.has_room(name):
                chosen[name] = self._demand.nothing(name)
            elif entry is None:
                absent.append(name)
            elif not self._is_refused(entry):
                chosen[name] = entry
        if len(chosen) == len(changed):
            return changed, tuple(absent)
        # In one order, whatever the order of asking: streams that get the same share the bytes.
        if 2 * len(chosen) > len(self.shelf) and self.asked.lazy is None:
            return tuple(e for e in self.shelf.since(0) if e.name in chosen), tuple(absent)
        return tuple(chosen[name] for name in sorted(chosen)), tuple(absent)

    def _base(self, entries: tuple[Entry, ...]) -> int:
        """Name the step before the oldest of ``entries``: nothing up to it is still to be sent."""
        if self._unanswered:
            return 0
        oldest = entries[0].revision if len(entries) == 1 else min((e.revision for e in entries), default=0)
        return max(self.position, oldest - 1)

    def _next_group(self) -> Response | None:
        while self.groups:
            base, names = self.groups.popleft()
            found = [self.shelf.get(name) for name in names if self.asked.wants(name)]
            entries = tuple(entry for entry in found if entry is not None and not self._is_refused(entry))
            if entries:
                return self._send(entries, (), base)
        return None

    def _send(self, entries: tuple[Entry, ...], removed: tuple[str, ...], base: int) -> Response:
        response = self.shelf.response(entries, removed, after=self._serial)
        self._serial = response.serial
        if self.refused:
            for entry in entries:
                if self._is_current(entry):  # and not what was before
                    self.refused.pop(entry.name, None)
        self.in_flight[response.nonce] = Sent(entries, removed, base)
        return response
