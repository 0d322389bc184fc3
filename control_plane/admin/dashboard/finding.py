"""What the box of the overview finds: organisations, nodes and resources, from memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from control_plane.admin.dashboard.towns import Towns

MOST = 12  # of each kind that are named


@dataclass(frozen=True, slots=True)
class Found:
    """The first of each kind, by name, and how many there are."""

    text: str
    organisations: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    totals: tuple[int, int, int] = (0, 0, 0)


def find(text: str, towns: Towns, organisations: Iterable[str]) -> Found:
    """Everything that has ``text`` in what it is called, in upper or lower case; nothing for no text."""
    wanted = text.strip().lower()
    if not wanted:
        return Found("")
    named = _matching(wanted, {name: name.lower() for name in organisations})
    nodes, resources = _matching(wanted, towns.words()), _matching(wanted, towns.resources)
    totals = len(named), len(nodes), len(resources)
    return Found(text.strip(), named[:MOST], nodes[:MOST], resources[:MOST], totals)


def _matching(wanted: str, words: Mapping[str, str]) -> tuple[str, ...]:
    """The keys; those that begin with it come first."""
    found = (key for key, said in words.items() if wanted in said)
    return tuple(sorted(found, key=lambda key: (not key.startswith(wanted), key)))
