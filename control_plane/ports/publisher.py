"""Where finished Envoy resources go."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from control_plane.model.xds import XdsResource


class Name(NamedTuple):
    """What identifies an Envoy resource on the board."""

    type_url: str
    name: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """One consistent step: nothing that is pushed mixes two of them."""

    upserts: tuple[XdsResource, ...] = field(default=())
    removals: tuple[Name, ...] = field(default=())


class Publisher(Protocol):
    """The board of the delta ADS server."""

    def publish(self, publication: Publication) -> None:
        """Make this what gateways should have; returns at once. Unchanged versions are ignored."""
