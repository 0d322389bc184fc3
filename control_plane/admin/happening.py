"""What the event stream tells, as values: an item has a kind, a place and its data (pure)."""

import re
from dataclasses import dataclass
from enum import StrEnum

from pydantic import TypeAdapter
from pydantic_core import to_json

from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit_use import Numbered
from control_plane.ports.history import Revision

_ID = re.compile(r"(\d{1,18})-(\d{1,18})\Z", re.ASCII)
_OF_NODES = {EventType.CIRCUIT_OPENED, EventType.CIRCUIT_CLOSED, EventType.NODE_CHECKED}
_EVENT: TypeAdapter[AuditEvent] = TypeAdapter(AuditEvent)


class News(StrEnum):
    """What an event is about. ``gap`` is sent whatever was asked for."""

    CHANGE = "change"  # one revision of the objects
    AUDIT = "audit"  # one row of the audit
    CIRCUIT = "circuit"  # a row about a circuit, or about a node that was checked
    HEALTH = "health"  # how this organisation is now
    GAP = "gap"  # something is left out, and why


@dataclass(frozen=True, slots=True)
class Place:
    """Up to which revision, and before which row of the audit log, everything was told."""

    revision: int = 0
    row: int = 0

    def __str__(self) -> str:
        return f"{self.revision}-{self.row}"

    @classmethod
    def of(cls, text: str) -> "Place":
        """The place that an event's id names. Raises InvalidValueError."""
        match = _ID.match(text)
        if match is None:
            raise InvalidValueError("bad_parameter", f"expected the id of an event, got {shown(text)}")
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class Item:
    """One event; ``data`` is a JSON document. Without a place it is of now, and not told again."""

    news: News
    data: bytes
    place: Place | None = None
    kinds: frozenset[str] = frozenset()  # of the objects that a change touched
    code: str = ""  # of a gap

    def sent(self) -> bytes:
        """As server-sent event."""
        name = f"id: {self.place}\n" if self.place else ""
        return f"{name}event: {self.news}\ndata: ".encode() + self.data + b"\n\n"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a follower asked for: kinds of news, and kinds of objects (none: all)."""

    news: frozenset[News]
    kinds: frozenset[str] = frozenset()

    def takes(self, item: Item) -> bool:
        """Whether this follower wants it."""
        if item.news is News.GAP:
            return True
        if item.news not in self.news:
            return False
        return item.news is not News.CHANGE or not self.kinds or bool(self.kinds & item.kinds)


def of_revision(revision: Revision, place: Place) -> Item:
    """A change of objects: who, when, and the first of what."""
    data = {
        "revision": revision.revision,
        "at": revision.at,
        "actor": revision.actor,
        "objects": revision.objects,
        "kinds": revision.kinds,
        "named": revision.named,
    }
    return Item(News.CHANGE, to_json(data), place, frozenset(revision.kinds))


def of_row(row: Numbered, before: Place) -> list[Item]:
    """A row of the audit; before it, what is said when rows are missing since they are not kept any more."""
    place = Place(before.revision, row.number + 1)
    news = News.CIRCUIT if row.event.event_type in _OF_NODES else News.AUDIT
    item = Item(news, _EVENT.dump_json(row.event), place)
    if row.number == before.row:
        return [item]
    return [gap("not_kept", f"{row.number - before.row} rows of the audit are not kept any more"), item]


def gap(code: str, detail: str) -> Item:
    """Something is left out."""
    return Item(News.GAP, to_json({"code": code, "detail": detail}), code=code)
