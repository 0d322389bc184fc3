"""Where everything is in the picture of the federation (pure).

We are in the middle, partners are towns on a ring, in the order of their names: a partner stays about where
it was, so that the picture can be learnt. Its nodes are around it. Coordinates are those of an SVG whose
middle is the origin.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, pi, sin

RING = 190.0  # units from us to a partner
ORBIT = 34.0  # from a partner to its nodes
MAX_PARTNERS = 36  # that are drawn; the table has all
MAX_NODES = 12  # of one partner

WORDS = {
    "open": "traffic may pass",
    "paused": "paused by us",
    "pending": "waits for approval",
    "untrusted": "not trusted",
    "revoked": "revoked",
    "silent": "its control plane is silent",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the picture is made of: a partner, in which state, and the status of each of its nodes."""

    organisation: str
    state: str  # a key of WORDS
    nodes: Mapping[str, str]  # node id: status


@dataclass(frozen=True, slots=True)
class Dot:
    """A node."""

    name: str
    status: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Town:
    """A partner: its place, its nodes, and in words what the line to it says."""

    organisation: str
    state: str
    words: str
    x: float
    y: float
    label_y: float
    anchor: str  # SVG's text-anchor
    nodes: tuple[Dot, ...]
    more: int  # nodes that are not drawn


@dataclass(frozen=True, slots=True)
class Picture:
    """The towns, and how many partners are not drawn."""

    towns: tuple[Town, ...]
    more: int


def draw(partners: Iterable[Known]) -> Picture:
    """Place every partner; equal input gives an equal picture."""
    ordered = sorted(partners, key=lambda partner: partner.organisation)
    shown = ordered[:MAX_PARTNERS]
    towns = tuple(_town(partner, number, len(shown)) for number, partner in enumerate(shown))
    return Picture(towns, len(ordered) - len(shown))


def _town(partner: Known, number: int, of: int) -> Town:
    angle = 2 * pi * number / of - pi / 2
    x, y = RING * cos(angle), RING * sin(angle)
    names = sorted(partner.nodes)
    dots = _dots(names[:MAX_NODES], partner.nodes, x, y, angle)
    return Town(
        organisation=partner.organisation,
        state=partner.state,
        words=WORDS[partner.state],
        x=round(x, 1),
        y=round(y, 1),
        label_y=round(y + (ORBIT + 22 if y >= 0 else -ORBIT - 28), 1),  # two lines, clear of the nodes
        anchor="middle",
        nodes=dots,
        more=len(names) - len(dots),
    )


def _dots(
    names: Sequence[str], statuses: Mapping[str, str], x: float, y: float, angle: float
) -> tuple[Dot, ...]:
    """Around the town, beginning outside."""
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
