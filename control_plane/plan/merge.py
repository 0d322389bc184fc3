"""One node from what an operator and many sources say of it. A function of the set: the order means nothing.

Of each field the word of the strongest source counts: manual, Consul, DNS-SD, mDNS, plugins. What is about
identity is different: once a node has one, no source gives it another. The earliest stays until its last
source has withdrawn it, and everybody who contradicts is named; only an operator's word overrides that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from control_plane.model.held import Held
from control_plane.model.identity import SpiffeId
from control_plane.model.node import MAX_LABELS, MAX_TEXT, Endpoint, Node
from control_plane.model.problem import Problem
from control_plane.model.sighting import SourceKind

RANK: Mapping[SourceKind, int] = {
    SourceKind.MANUAL: 0,
    SourceKind.CONSUL: 1,
    SourceKind.DNS_SD: 2,
    SourceKind.MDNS: 3,
    SourceKind.PLUGIN: 4,
}
LAST = 64  # added to the priority of a node that nobody confirms any more; Envoy knows 0 to 127
OPERATOR = "manual"  # how the operator's own entries are named among the sources
_NAMED = 3  # contradicting sources that a problem lists


@dataclass(frozen=True, slots=True)
class Merged:
    """``node`` None: nobody speaks of it. ``sources`` agree about who it is, the strongest first."""

    node: Node | None
    sources: tuple[str, ...] = ()
    offline: bool = False
    conflict: Problem | None = None


def merge(manual: Node | None, held: Iterable[Held]) -> Merged:
    """The node that ``manual`` and ``held`` are about; all have the same node key."""
    every = sorted(held, key=_strength)
    if manual is None and not every:
        return Merged(None)
    identity = manual.spiffe_id if manual else min(every, key=_claim).spiffe_id
    agreeing = [one for one in every if one.spiffe_id == identity]
    others = [one for one in every if one.spiffe_id != identity]
    names = tuple(one.sighting.source for one in agreeing)
    sources = ((OPERATOR,) if manual else ()) + names
    offline = manual is None and all(one.offline for one in agreeing)
    node = _edited(manual, agreeing) if manual else _node(agreeing, offline=offline)
    return Merged(node, sources, offline, _conflict(node.key, identity, sources, others))


def _strength(held: Held) -> tuple[bool, int, str]:
    """Whose word counts first: what is not confirmed any more comes after everything that is."""
    return held.offline, RANK[held.sighting.kind], held.sighting.source


def _claim(held: Held) -> tuple[bool, datetime, int, str]:
    """Whose identity stays: an operator's, then the earliest; at the same moment the stronger source's."""
    kind = held.sighting.kind
    return kind is not SourceKind.MANUAL, held.since, RANK[kind], held.sighting.source


def _node(agreeing: Sequence[Held], *, offline: bool) -> Node:
    strongest = agreeing[0].sighting
    endpoints = tuple(_last(one) for one in strongest.endpoints) if offline else strongest.endpoints
    return Node(
        strongest.node_id,
        strongest.organisation,
        strongest.spiffe_id,
        endpoints,
        name=_first(one.sighting.name for one in agreeing),
        metadata=_labels({}, agreeing),
    )


def _edited(manual: Node, agreeing: Sequence[Held]) -> Node:
    name = manual.name or _first(one.sighting.name for one in agreeing)
    return replace(manual, name=name, metadata=_labels(manual.metadata, agreeing))


def _last(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, priority=min(endpoint.priority + LAST, 127))


def _first(texts: Iterable[str]) -> str:
    return next(filter(None, texts), "")


def _labels(own: Mapping[str, str], agreeing: Sequence[Held]) -> dict[str, str]:
    labels = dict(own)
    for sighting in (one.sighting for one in agreeing):
        said = {
            **sighting.metadata,
            "region": sighting.region,
            "version": sighting.version,
            "resources": _listed(sighting.resources),
        }
        for key, value in said.items():
            if value and len(labels) < MAX_LABELS:
                labels.setdefault(key, value)
    return labels


def _listed(names: Iterable[str]) -> str:
    """Names with commas, as many as a label holds."""
    text = ""
    for name in names:
        longer = f"{text},{name}" if text else name
        if len(longer) > MAX_TEXT:
            break
        text = longer
    return text


def _conflict(key: str, identity: SpiffeId, sources: Sequence[str], others: Sequence[Held]) -> Problem | None:
    if not others:
        return None
    said = [f"{one.sighting.source} says {one.spiffe_id}" for one in others[:_NAMED]]
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return Problem(
        f"node {key}",
        "identity_conflict",
        f"it is {identity} by {sources[0]}, which stays, but {', '.join(said)}{more}",
        "ask its organisation which is right; a node that you add yourself overrides all sources",
    )
