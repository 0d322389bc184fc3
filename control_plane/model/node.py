"""Nodes: the reachable gateways of an organisation, and the addresses they listen on."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import ClassVar

from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain, shown
from control_plane.model.problem import InvalidValueError

MAX_PORT = 65535
MAX_ENDPOINTS = 16
MAX_LABELS = 64
MAX_TEXT = 256  # characters of a name, a label's key or value


def check_text(what: str, value: str) -> None:
    """Refuse text that is too long to show or carries control characters."""
    if len(value) > MAX_TEXT or not value.isprintable():
        raise InvalidValueError(
            "bad_text", f"expected {what} of at most {MAX_TEXT} printable characters, got {shown(value)}"
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address. ``priority`` 0 is tried first (as SRV); ``weight`` shares within a priority."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    host: str  # an IP address
    port: int  # 1 to 65535
    priority: int = 0
    weight: int = 1

    def __post_init__(self) -> None:
        try:
            ip_address(self.host)
        except ValueError as error:
            raise InvalidValueError(
                "bad_address", f"expected an IP address, got {shown(self.host)}"
            ) from error
        if "%" in self.host:
            raise InvalidValueError(
                "bad_address", f"expected an address without a zone, got {shown(self.host)}"
            )
        if not 1 <= self.port <= MAX_PORT:
            raise InvalidValueError(
                "bad_port", f"expected a port from 1 to {MAX_PORT}, got {shown(self.port)}"
            )
        if not 0 <= self.priority < 128:  # noqa: PLR2004 - Envoy: priorities 0 to 127
            raise InvalidValueError("bad_priority", f"expected 0 to 127, got {shown(self.priority)}")
        if not 1 <= self.weight <= MAX_PORT:
            raise InvalidValueError("bad_weight", f"expected 1 to {MAX_PORT}, got {shown(self.weight)}")


ZONE = "zone"
"""The metadata key that says where a node is; those in our own zone are asked first."""


class NodeStatus(StrEnum):
    """What is known of a node's reachability."""

    ONLINE = "online"
    OFFLINE = "offline"
    DEGRADED = "degraded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Node:
    """One gateway of an organisation as the operator (or a discovery source) describes it."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    node_id: ObjectId
    organisation: TrustDomain
    spiffe_id: SpiffeId
    endpoints: tuple[Endpoint, ...]
    name: str = ""
    enabled: bool = True
    rate_limit_per_hour: int = 10_000
    metadata: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.spiffe_id.trust_domain != self.organisation:
            raise InvalidValueError(
                "foreign_identity",
                f"expected an identity of {self.organisation}, got {shown(self.spiffe_id)}: an organisation"
                " speaks only for its own trust domain",
            )
        if not 1 <= len(self.endpoints) <= MAX_ENDPOINTS:
            raise InvalidValueError(
                "bad_endpoints", f"expected 1 to {MAX_ENDPOINTS} endpoints, got {len(self.endpoints)}"
            )
        if len({(e.host, e.port) for e in self.endpoints}) != len(self.endpoints):
            raise InvalidValueError("bad_endpoints", "expected different endpoints, got the same one twice")
        if len(self.metadata) > MAX_LABELS:
            raise InvalidValueError("bad_metadata", f"expected at most {MAX_LABELS} entries")
        if not 1 <= self.rate_limit_per_hour <= 1_000_000_000:  # noqa: PLR2004 - beyond it a limit means nothing
            raise InvalidValueError("bad_rate_limit", "expected 1 to 1000000000 requests an hour")
        check_text("a name", self.name)
        for key, value in self.metadata.items():
            check_text("a metadata key", key)
            check_text("a metadata value", value)

    @property
    def key(self) -> str:
        """``node_id@organisation``: unique in a deployment."""
        return f"{self.node_id}@{self.organisation}"


def zone_of(node: Node) -> str:
    """Where ``node`` is; empty when nobody said."""
    return node.metadata.get(ZONE, "")
