"""Our own Envoys."""

from dataclasses import dataclass
from typing import ClassVar

from control_plane.model.identity import ObjectId, SpiffeId
from control_plane.model.node import Endpoint, check_text


@dataclass(frozen=True, slots=True)
class Gateway:
    """One Envoy of ours, as its agent announced it: where it listens for partners and applications."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    id: ObjectId
    spiffe_id: SpiffeId
    ingress: Endpoint
    egress: Endpoint
    envoy_version: str = ""
    metrics: Endpoint | None = None  # where Prometheus reads this Envoy

    def __post_init__(self) -> None:
        check_text("a version", self.envoy_version)

    @property
    def key(self) -> str:
        """The gateway's id."""
        return self.id
