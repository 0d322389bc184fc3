"""What kinds of configuration a planned value becomes: two of one shape differ in names and numbers only.

``translate`` is a function of the planned value, so the shape is taken from that, not from its bytes: texts
count as there or not, lists as what is in them, and of bundles the very content, since certificates come from
elsewhere.
"""

from collections.abc import Hashable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache

from control_plane.model.federation import Export, Import, Mixed, Own, Partner, Planned, Policy
from control_plane.model.resource import Resource

SEVERAL = 2


def shapes_of(planned: Planned) -> frozenset[Hashable]:
    """The shapes of which ``planned`` is made, each by itself; Envoy sees nothing new where all are known."""
    match planned:
        case Import(resource, targets, organisations):
            several = min(len(organisations), SEVERAL)
            return frozenset({("import", _kind(resource)), ("import", bool(targets), several)})
        case Own(resource):
            return frozenset({("own", _kind(resource))})
        case Mixed(_, ahead, own, behind):
            sides = [side for side in (ahead, behind) if side is not None]
            return frozenset({("mixed", _kind(own.resource), len(sides))}).union(*map(shapes_of, sides))
        case Export():
            rules = {("rule", _rules(policies)) for _, policies in planned.allowed}
            trials = {("shadow", _rules(policies)) for _, policies in planned.shadow}
            whole = (
                "export",
                _kind(planned.resource),
                bool(planned.revoked),
                bool(rules),
                bool(planned.limits),
            )
            return frozenset({whole, *rules, *trials})
        case Partner():
            bundle = planned.bundle
            content = (bundle.anchors, bundle.crls) if bundle else None
            return frozenset({("partner", content, bool(planned.identities))})
        case _:
            return frozenset({("gateway", _shape(planned))})


def _kind(resource: Resource) -> Hashable:
    """Where it is served is endpoints, which no trial looks at; what people say of it is no configuration."""
    return _shape(replace(resource, nodes=(), upstreams=(), preferred=None, description=""))


@lru_cache(maxsize=8192)
def _rules(policies: tuple[Policy, ...]) -> Hashable:
    return _shape(policies)


def _shape(value: object) -> Hashable:
    match value:
        case bool() | Enum() | None:
            return value
        case str() | bytes() | int() | float():
            return bool(value)
        case tuple() | list() | frozenset() | set():
            return frozenset(_shape(each) for each in value)
        case dict():
            return bool(value)
        case _ if is_dataclass(value):
            return type(value).__name__, *(_shape(getattr(value, each.name)) for each in fields(value))
        case _:
            return type(value).__name__
