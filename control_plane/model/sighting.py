"""What discovery sources say of nodes: first as it came, then as a checked value.

A source repeats what strangers publish, so it hands on plain text. One place, the guard of ``discovery``,
makes a ``Sighting`` of it or says why not; nothing behind the guard ever meets unchecked text.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, NamedTuple

from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain
from control_plane.model.node import MAX_ENDPOINTS, MAX_LABELS, Endpoint, check_text
from control_plane.model.problem import InvalidValueError


class SourceKind(StrEnum):
    """Where a sighting comes from; ``plan.merge`` says which kind is believed over which."""

    MANUAL = "manual"
    CONSUL = "consul"
    DNS_SD = "dns-sd"
    MDNS = "mdns"
    PLUGIN = "plugin"  # the entry point proxenia.sources


class RawEndpoint(NamedTuple):
    """An address as a source resolved it: ``host`` should be an IP address; nothing is checked."""

    host: str
    port: int
    priority: int = 0
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What one source says of one node, unchecked.

    ``subject`` is how the source names the record (an instance name, a Consul service id), for problems.
    ``ttl`` is in seconds, how long the source says that this holds; 0 when it does not say.
    """

    subject: str
    node_id: str
    organisation: str
    spiffe_id: str
    endpoints: tuple[RawEndpoint, ...]
    name: str = ""
    region: str = ""
    version: str = ""
    resources: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    ttl: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one source says of one node, checked. ``source`` is its name (``dns-sd:luebeck.example``)."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    source: str
    kind: SourceKind
    node_id: ObjectId
    organisation: TrustDomain
    spiffe_id: SpiffeId
    endpoints: tuple[Endpoint, ...]
    name: str = ""
    region: str = ""
    version: str = ""
    resources: tuple[ResourceName, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    ttl: float = 0.0

    def __post_init__(self) -> None:
        if self.spiffe_id.trust_domain != self.organisation:
            raise InvalidValueError(
                "foreign_identity",
                f"expected an identity of {self.organisation}, got {self.spiffe_id}: an organisation speaks"
                " only for its own trust domain",
            )
        if not 1 <= len(self.endpoints) <= MAX_ENDPOINTS:
            raise InvalidValueError(
                "bad_endpoints", f"expected 1 to {MAX_ENDPOINTS} endpoints, got {len(self.endpoints)}"
            )
        if len(self.metadata) > MAX_LABELS or len(self.resources) > MAX_LABELS:
            raise InvalidValueError(
                "bad_metadata", f"expected at most {MAX_LABELS} entries, and as many resources"
            )
        for text in (self.source, self.name, self.region, self.version):
            check_text("a text of a sighting", text)
        for key, value in self.metadata.items():
            check_text("a metadata key", key)
            check_text("a metadata value", value)

    @property
    def node_key(self) -> str:
        """``node_id@organisation``: sightings with the same one speak of the same node."""
        return f"{self.node_id}@{self.organisation}"

    @property
    def key(self) -> str:
        """Unique in a deployment: one source says one thing of one node."""
        return f"{self.source}/{self.node_key}"
