"""Why something does not work: the question, the facts that are not in the store, and the answer."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from control_plane.model.audit import AuditEvent
from control_plane.model.authorization import Asked
from control_plane.model.problem import Problem


class Stage(StrEnum):
    """Where on its way something stops, in the order in which it is looked at."""

    REQUEST = "request"
    RESOURCE = "resource"
    SIGHTING = "sighting"
    AGREEMENT = "agreement"
    TRUST = "trust"
    GRANT = "grant"
    GATEWAY = "gateway"
    ROUTE = "route"
    CLUSTER = "cluster"
    ENDPOINTS = "endpoints"
    CIRCUIT = "circuit"
    LIMIT = "limit"


class Finding(StrEnum):
    """What was found at a stage."""

    FINE = "fine"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """One stage and what was found there."""

    stage: Stage
    finding: Finding
    detail: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The way as far as it was walked; ``cause`` is the first thing that stops it, None when nothing does."""

    subject: str
    steps: tuple[Step, ...]
    cause: Problem | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A piece of configuration that a gateway refused, in Envoy's words."""

    type_url: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class GatewayFact:
    """One gateway of ours as it was last seen."""

    id: str
    connected: bool
    at: datetime | None
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class CircuitFact:
    """An open circuit: of ``resource``, to one address (``host:port``)."""

    resource: str
    address: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class LimitFact:
    """Somebody reached a limit at a resource."""

    resource: str
    principal: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EndedFact:
    """A certificate that is not valid any more; ``organisation`` is whose."""

    subject: str
    organisation: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class HandshakeFact:
    """A TLS handshake at our ingress that failed; ``principal`` is only claimed."""

    principal: str
    organisation: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LostFact:
    """A source of discovery does not see a node (or anybody of an organisation) any more."""

    subject: str  # a node's key or an organisation
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class LiveHost:
    """One address of a cluster, as a running Envoy sees it; ``flags`` are those of its admin interface."""

    address: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveCluster:
    """One cluster of a running Envoy."""

    name: str
    hosts: tuple[LiveHost, ...]


@dataclass(frozen=True, slots=True)
class Live:
    """What a running gateway says of itself."""

    gateway: str
    clusters: tuple[LiveCluster, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything beside the objects; what is not known is left out."""

    now: datetime
    gateways: tuple[GatewayFact, ...] = ()
    circuits: tuple[CircuitFact, ...] = ()
    limits: tuple[LimitFact, ...] = ()
    ended: tuple[EndedFact, ...] = ()
    handshakes: tuple[HandshakeFact, ...] = ()
    lost: tuple[LostFact, ...] = ()
    live: Live | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """About exactly one of these: a route (``name@organisation``), a node, or the rows of one request.

    ``asked`` is who calls and how, where that matters.
    """

    route: str = ""
    node: str = ""
    rows: tuple[AuditEvent, ...] = ()
    asked: Asked | None = None
