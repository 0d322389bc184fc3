"""Services that an organisation exports."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from control_plane.model.identity import ObjectId, ResourceName, TrustDomain
from control_plane.model.node import MAX_TEXT, Endpoint, check_text
from control_plane.model.problem import InvalidValueError

MAX_UPSTREAMS = 256
MAX_TIMEOUT = 86_400.0  # seconds


class ResourceKind(StrEnum):
    """How the resource is spoken to."""

    HTTP = "http"
    GRPC = "grpc"
    MCP = "mcp"


@dataclass(frozen=True, slots=True)
class Resource:
    """``name@organisation``.

    A partner's resource is served by ``nodes`` (node ids of that organisation; empty means all of them);
    our own is served by ``upstreams``, the addresses behind our ingress. A ``preferred`` node is asked first,
    as long as it is healthy. ``timeout_seconds`` 0 means the general time-out; streams have none.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: ResourceName
    organisation: TrustDomain
    kind: ResourceKind = ResourceKind.HTTP
    nodes: tuple[ObjectId, ...] = ()
    upstreams: tuple[Endpoint, ...] = ()
    description: str = ""
    preferred: ObjectId | None = None
    timeout_seconds: float = 0.0

    def __post_init__(self) -> None:
        check_text("a description", self.description)
        if self.nodes and self.upstreams:
            raise InvalidValueError(
                "nodes_and_upstreams",
                "expected nodes (a partner's resource) or upstreams (our own), got both",
            )
        if len(self.upstreams) > MAX_UPSTREAMS or len(self.nodes) > 10 * MAX_TEXT:
            raise InvalidValueError("too_many_nodes", f"expected at most {MAX_UPSTREAMS} upstreams")
        if not 0 <= self.timeout_seconds <= MAX_TIMEOUT:  # also refuses NaN
            raise InvalidValueError("bad_timeout", f"expected 0 to {MAX_TIMEOUT:.0f} seconds")
        if self.preferred is not None and (
            self.upstreams or (self.nodes and self.preferred not in self.nodes)
        ):
            raise InvalidValueError(
                "bad_preferred", f"expected one of the resource's nodes as preferred, got {self.preferred}"
            )
        if len(set(self.nodes)) != len(self.nodes):
            raise InvalidValueError("bad_nodes", "expected different nodes, got one twice")

    @property
    def key(self) -> str:
        """``name@organisation``."""
        return f"{self.name}@{self.organisation}"

    @property
    def host(self) -> str:
        """The host name by which applications call it, and which the serving ingress expects."""
        return f"{self.name}.{self.organisation}"
