"""Where everything is in the picture of the federation (pure).

We are in the middle, partners are towns on a ring. Where a town is follows from its name: it stays there
whoever comes and goes, so that the picture can be learnt; only where two would be in one place, the later
name moves on. Few partners have a line of the picture each, so that no name is near another; many are on a
circle, with numbers. Its nodes are around a town, and where they are too many to be told apart, a ring of
shares by status. Coordinates are those of an SVG whose middle is the origin.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import atan2, cos, log10, pi, sin, sqrt

from control_plane.ports.traffic import Count

WIDTH, HEIGHT = 165.0, 200.0  # half axes of the ring of few partners, in units
LINE = 71.0  # from one of them down to the next
RING = 195.0  # radius of the ring of many
NUMBER = 28.0  # from a partner outwards to its number, where there are many
ORBIT = 28.0  # from a partner to its nodes
MAX_PARTNERS = 36  # that are drawn; the table has all
ROOMY = 12  # partners up to which each has its name beside it
MAX_NODES = 12  # of one partner, each as a dot
STATUSES = ("online", "degraded", "offline", "unknown")

WORDS = {
    "open": "traffic may pass",
    "paused": "paused by us",
    "pending": "waits for approval",
    "untrusted": "not trusted",
    "revoked": "revoked",
    "silent": "its control plane is silent",
}
_URGENT = ("silent", "pending", "paused")


@dataclass(frozen=True, slots=True)
class Known:
    """What the picture is made of: a partner, in which state, and the status of each of its nodes."""

    organisation: str
    state: str  # a key of WORDS
    nodes: Mapping[str, str]  # node id: status
    hour: Count = field(default_factory=Count)

    @property
    def shares(self) -> Mapping[str, int]:
        """How many nodes have each status, without those that none has."""
        found = list(self.nodes.values())
        return {status: count for status in STATUSES if (count := found.count(status))}


@dataclass(frozen=True, slots=True)
class Dot:
    """A node."""

    name: str
    status: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Arc:
    """A share of a partner's nodes: SVG's dash array and offset on a circle of 100 units."""

    status: str
    count: int
    length: float
    offset: float


@dataclass(frozen=True, slots=True)
class Town:
    """A partner: its place, its nodes, and in words what the line to it says."""

    organisation: str
    state: str
    words: str
    x: float
    y: float
    number_x: float
    number_y: float
    label_x: float
    anchor: str  # SVG's text-anchor
    weight: float  # width of its line, by traffic
    hour: Count
    nodes: tuple[Dot, ...]
    arcs: tuple[Arc, ...]
    more: int  # nodes that are not drawn


@dataclass(frozen=True, slots=True)
class Picture:
    """The towns, how many partners are not drawn, and whether there is room for names."""

    towns: tuple[Town, ...]
    more: int
    roomy: bool


def draw(partners: Iterable[Known]) -> Picture:
    """Place every partner; equal input gives an equal picture, in whichever order."""
    ordered = sorted(partners, key=_importance)
    shown = ordered[:MAX_PARTNERS]
    roomy = len(shown) <= ROOMY
    places = _places([partner.organisation for partner in shown], ROOMY if roomy else MAX_PARTNERS)
    spot = _line if roomy else _round
    towns = [_town(partner, *spot(places[partner.organisation]), roomy=roomy) for partner in shown]
    return Picture(tuple(sorted(towns, key=lambda town: town.organisation)), len(ordered) - len(shown), roomy)


def _importance(partner: Known) -> tuple[bool, int, str]:
    """Where not all can be drawn: who needs somebody's eyes, then who has the most traffic."""
    ill = partner.state in _URGENT or any(status == "offline" for status in partner.nodes.values())
    return not ill, -partner.hour.requests, partner.organisation


def _places(names: Sequence[str], slots: int) -> dict[str, int]:
    """A place for each name, clockwise from above: its own, or the next free one."""
    taken: dict[int, str] = {}
    for _, name in sorted((_hash(name), name) for name in names):
        slot = int(_hash(name) * slots)
        while slot % slots in taken:
            slot += 1
        taken[slot % slots] = name
    return {name: slot for slot, name in taken.items()}


def _line(place: int) -> tuple[float, float]:
    """On an oval: six lines on the right from above, and six on the left from below."""
    half = ROOMY // 2
    line = place if place < half else ROOMY - 1 - place
    y = LINE * (line - (half - 1) / 2)
    x = WIDTH * sqrt(1 - (y / HEIGHT) ** 2)
    return (x if place < half else -x), y


def _round(place: int) -> tuple[float, float]:
    angle = 2 * pi * (place + 0.5) / MAX_PARTNERS - pi / 2
    return RING * cos(angle), RING * sin(angle)


def _hash(name: str) -> float:
    """From 0 to 1, the same on every machine and for ever."""
    return int.from_bytes(sha256(name.encode()).digest()[:6], "big") / (1 << 48)


def _town(partner: Known, x: float, y: float, *, roomy: bool) -> Town:
    angle = atan2(y, x)
    out = 0 if roomy else NUMBER
    few = roomy and len(partner.nodes) <= MAX_NODES
    right = x >= 0
    reach = ORBIT + 12 if partner.nodes else 22
    return Town(
        organisation=partner.organisation,
        state=partner.state,
        words=WORDS[partner.state],
        x=round(x, 1),
        y=round(y, 1),
        number_x=round(x + out * cos(angle), 1),
        number_y=round(y + out * sin(angle), 1),
        label_x=round(x + (reach if right else -reach), 1),
        anchor="start" if right else "end",
        weight=round(_weight(partner.hour.requests, 10.0 if roomy else 5.0), 1),
        hour=partner.hour,
        nodes=_dots(partner.nodes, x, y, angle) if few else (),
        arcs=() if few else _arcs(partner),
        more=0 if few else len(partner.nodes),
    )


def _weight(requests: int, most: float) -> float:
    """The width of a line: by the power of ten of what passed."""
    return min(1.5 + most * 0.16 * log10(1 + requests), most)


def _dots(statuses: Mapping[str, str], x: float, y: float, angle: float) -> tuple[Dot, ...]:
    """Around the town, beginning outside."""
    names = sorted(statuses)
    step = 2 * pi / max(len(names), 6)
    first = angle - step * (len(names) - 1) / 2
    return tuple(
        Dot(
            name,
            statuses[name],
            round(x + ORBIT * cos(first + step * number), 1),
            round(y + ORBIT * sin(first + step * number), 1),
        )
        for number, name in enumerate(names)
    )


def _arcs(partner: Known) -> tuple[Arc, ...]:
    arcs, done = [], 0.0
    for status, count in partner.shares.items():
        length = 100 * count / len(partner.nodes)
        arcs.append(Arc(status, count, round(length, 2), round(-done, 2)))
        done += length
    return tuple(arcs)
