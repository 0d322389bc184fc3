"""Everything with a date as a picture (pure): one lane a kind, from now to the right, on a scale of powers.

A leaf ends in hours and a root in years: the distance from now is shown by its logarithm. What would lie on
one spot is one mark with a number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10

from control_plane.model.expiry import DatedKind, Expiring, Urgency

LEFT, RIGHT, TOP, LANE = 12.0, 528.0, 24.0, 42.0  # units of the picture, which is 540 wide
_MIN, _MAX = 600.0, 20 * 365 * 86_400.0  # seconds at the ends of the scale
_SPOT = 24.0  # units within which marks become one
_TICKS = (
    (3_600.0, "1 h"),
    (86_400.0, "1 d"),
    (7 * 86_400.0, "1 w"),
    (30 * 86_400.0, "1 mo"),
    (365 * 86_400.0, "1 y"),
    (10 * 365 * 86_400.0, "10 y"),
)
_WORDS = {
    DatedKind.LEAF: "gateways",
    DatedKind.CONTROL_PLANE: "control plane",
    DatedKind.INTERMEDIATE: "intermediates",
    DatedKind.ROOT: "our anchors",
    DatedKind.PARTNER_ANCHOR: "partners' anchors",
    DatedKind.CRL: "revocation lists",
    DatedKind.INVITATION: "invitations",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Some things that end at about one time; ``severity`` is of the worst."""

    x: float
    y: float
    severity: str
    count: int
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale."""

    x: float
    word: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A kind of thing."""

    y: float
    word: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Lanes from above, the scale, and the marks; ``height`` in units, ``now`` is where it begins."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    height: float
    now: float = LEFT


def lay_out(items: Iterable[Expiring]) -> Timeline:
    """Place everything; kinds of which there is nothing have no lane."""
    by_kind: dict[DatedKind, list[Expiring]] = {}
    for item in items:
        by_kind.setdefault(item.kind, []).append(item)
    lanes, marks = [], []
    for number, kind in enumerate(kind for kind in DatedKind if kind in by_kind):
        y = TOP + LANE * number + 28
        lanes.append(Lane(y, _WORDS[kind]))
        marks.extend(_marks(by_kind[kind], y))
    ticks = tuple(Tick(place(seconds), word) for seconds, word in _TICKS)
    return Timeline(tuple(lanes), ticks, tuple(marks), TOP + LANE * len(lanes) + 6)


def place(seconds: float) -> float:
    """Where something is that ends in so many seconds; what has ended is at the left end."""
    share = log10(max(seconds, _MIN) / _MIN) / log10(_MAX / _MIN)
    return round(LEFT + (RIGHT - LEFT) * min(share, 1.0), 1)


def _marks(items: Sequence[Expiring], y: float) -> list[Mark]:
    spots: list[list[Expiring]] = []
    for item in sorted(items, key=lambda item: item.seconds_left):
        if spots and place(item.seconds_left) - place(spots[-1][0].seconds_left) < _SPOT:
            spots[-1].append(item)
        else:
            spots.append([item])
    return [_mark(spot, y) for spot in spots]


def _mark(spot: Sequence[Expiring], y: float) -> Mark:
    worst = max(spot, key=lambda item: Urgency[item.severity.upper()])
    first = spot[0]
    others = f" and {len(spot) - 1} more" if len(spot) > 1 else ""
    title = f"{first.subject}{others}, {first.not_after:%Y-%m-%d %H:%M} UTC"
    return Mark(place(first.seconds_left), y, worst.severity, len(spot), title)
