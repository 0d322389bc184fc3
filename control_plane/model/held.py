"""What is kept of a sighting: since when, and whether its source still says it."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.sighting import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One source's sighting of one node, as it is stored for every replica.

    ``since``: from then on the source has given the node this identity; of several identities the earliest
    stays. ``missing``: when the source last said so, if it looked again and did not (None: it still does).
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    sighting: Sighting
    since: datetime
    missing: datetime | None = None
    offline: bool = False  # not said for so long that the node is tried last

    @property
    def organisation(self) -> TrustDomain:
        """Whose node it is."""
        return self.sighting.organisation

    @property
    def spiffe_id(self) -> SpiffeId:
        """The identity that the source gives it."""
        return self.sighting.spiffe_id

    @property
    def node_key(self) -> str:
        """The node that it is about."""
        return self.sighting.node_key

    @property
    def key(self) -> str:
        """Unique in a deployment, and in the order of the nodes' keys: no key of a node has a space."""
        return f"{self.node_key} {self.sighting.source}"
