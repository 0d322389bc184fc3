"""What changed: the unit in which the store tells the core about the world."""

from dataclasses import dataclass
from enum import StrEnum

from control_plane.model.agreement import Agreement
from control_plane.model.bundle import Bundle
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Grant
from control_plane.model.group import Group
from control_plane.model.held import Held
from control_plane.model.node import Node
from control_plane.model.resource import Resource
from control_plane.model.steering import Steering


class Kind(StrEnum):
    """The kinds of stored objects; each object's key is its value's ``key``."""

    NODE = "node"
    AGREEMENT = "agreement"
    BUNDLE = "bundle"
    RESOURCE = "resource"
    GRANT = "grant"
    GATEWAY = "gateway"
    GROUP = "group"
    STEERING = "steering"
    SIGHTING = "sighting"


Value = Node | Agreement | Bundle | Resource | Grant | Gateway | Group | Steering | Held

TYPES: dict[Kind, type[Value]] = {
    Kind.NODE: Node,
    Kind.AGREEMENT: Agreement,
    Kind.BUNDLE: Bundle,
    Kind.RESOURCE: Resource,
    Kind.GRANT: Grant,
    Kind.GATEWAY: Gateway,
    Kind.GROUP: Group,
    Kind.STEERING: Steering,
    Kind.SIGHTING: Held,
}


@dataclass(frozen=True, slots=True)
class Item:
    """One object after the change; ``value`` None means that it is gone."""

    kind: Kind
    key: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class Change:
    """Everything that is different at ``revision``; applying a change twice changes nothing."""

    revision: int
    items: tuple[Item, ...]
