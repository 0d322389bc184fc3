"""What was so from when to when, as rows of a strip of one day (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from control_plane.model.audit import AuditEvent, EventType

LEFT, RIGHT, TOP, ROW = 6.0, 534.0, 24.0, 42.0  # units of the picture, which is 540 wide
DAY = timedelta(hours=24)
MAX_ROWS = 24
_LEAST = 3.0  # units: what was short is seen all the same
_HOURS = (24, 18, 12, 6, 0)


@dataclass(frozen=True, slots=True)
class Lasting:
    """Something of ``row`` that was so from ``begin`` to ``end`` (None: it still is)."""

    row: str
    word: str  # how it is drawn
    begin: datetime
    end: datetime | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a row."""

    x: float
    width: float
    word: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row."""

    y: float
    label: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """A day until now; ``ticks`` are places and words, ``more`` the rows that are not drawn."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str], ...]
    height: float
    more: int


def lay_out(rows: Sequence[str], lasting: Iterable[Lasting], now: datetime) -> Strip:
    """Draw ``rows`` in their order; what ended before the day, or is of no row, is not drawn."""
    of: dict[str, list[Segment]] = {row: [] for row in rows[:MAX_ROWS]}
    for one in lasting:
        end = one.end or now
        if one.row not in of or end < now - DAY:
            continue
        left = _place(one.begin, now)
        until = f"{end:%H:%M:%S}" if one.end else "now"
        title = (
            f"{one.word.replace('_', ' ')} {one.begin:%H:%M:%S} to {until}{': ' if one.why else ''}{one.why}"
        )
        width = max(_LEAST, round(_place(end, now) - left, 1))
        of[one.row].append(Segment(min(left, RIGHT - width), width, one.word, title))
    drawn = tuple(
        Row(TOP + ROW * number + 28, label, tuple(segments))
        for number, (label, segments) in enumerate(of.items())
    )
    ticks = tuple(
        (_place(now - timedelta(hours=hours), now), f"{hours} h ago" if hours else "now") for hours in _HOURS
    )
    return Strip(drawn, ticks, TOP + ROW * len(drawn) + 6, max(0, len(rows) - MAX_ROWS))


def _place(at: datetime, now: datetime) -> float:
    share = (at - (now - DAY)) / DAY
    return round(LEFT + (RIGHT - LEFT) * min(max(share, 0.0), 1.0), 1)


def openings(events: Iterable[AuditEvent]) -> list[Lasting]:
    """When circuits were open, and when checks failed: from one event of a row to the next."""
    began: dict[str, AuditEvent] = {}
    found = []
    for event in sorted(events, key=lambda event: event.timestamp):
        row = row_of(event)
        bad = event.event_type is EventType.CIRCUIT_OPENED or event.decision == "failed"
        if bad:
            began.setdefault(row, event)
        elif (first := began.pop(row, None)) is not None:
            found.append(_lasting(row, first, event.timestamp))
    return found + [_lasting(row, first, None) for row, first in began.items()]


def row_of(event: AuditEvent) -> str:
    """The row of a circuit's or a check's event."""
    if event.event_type is EventType.NODE_CHECKED:
        return f"{event.reporter}, checks"
    return f"{event.reporter}, {event.resource.partition('@')[0]}"


def _lasting(row: str, first: AuditEvent, end: datetime | None) -> Lasting:
    word = "failing" if first.event_type is EventType.NODE_CHECKED else "open"
    return Lasting(row, word, first.timestamp, end, first.reason)


def serials(events: Iterable[AuditEvent]) -> Mapping[str, Lasting]:
    """From when to when each certificate was seen; newest first."""
    seen: dict[str, Lasting] = {}
    for event in sorted(events, key=lambda event: event.timestamp):
        if event.peer_serial:
            begin = seen[event.peer_serial].begin if event.peer_serial in seen else event.timestamp
            seen[event.peer_serial] = Lasting(event.peer_serial, "seen", begin, event.timestamp)
    return dict(sorted(seen.items(), key=lambda item: item[1].begin, reverse=True))
