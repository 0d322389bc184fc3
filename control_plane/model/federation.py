"""What should be configured, one value per unit: made by ``plan``, read by ``translate``.

Each value holds all that its Envoy resources are made of, so that translating one never looks at another.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from control_plane.model.bundle import Bundle
from control_plane.model.gateway import Gateway
from control_plane.model.grant import Capability
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.limit import DEFAULT
from control_plane.model.node import Endpoint
from control_plane.model.problem import Problem
from control_plane.model.resource import Resource

DENY_DEFAULT = "deny:default"  # policy ids of refusals; a grant's id has no colon
DENY_CAPABILITY = "deny:capability"
DENY_CERTIFICATE = "deny:certificate"  # revoked by us


class UnitKind(StrEnum):
    """The kinds of units; a unit is planned and translated on its own."""

    IMPORT = "import"  # key: resource@organisation of a partner
    EXPORT = "export"  # key: the name of a resource of ours
    PARTNER = "partner"  # key: a partner's trust domain
    GATEWAY = "gateway"  # key: a gateway's id
    GROUP = "group"  # key: name@organisation, ours: what our applications call so, a group or a resource


class Unit(NamedTuple):
    """What is recomputed as one."""

    kind: UnitKind
    key: str


class Condition(StrEnum):
    """What an operator decided about a node."""

    NORMAL = "normal"
    DRAINING = "draining"
    OPEN = "open"  # its circuit was opened by hand


@dataclass(frozen=True, slots=True)
class InForce:
    """What counts of a bundle with revocation lists, as Envoy can be told, at some time.

    ``bundle`` is what Envoy verifies by; it cannot be told ``serials`` that way, so requests over these
    certificates are denied. ``until`` is when this has to be asked again.
    """

    bundle: Bundle
    serials: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One address of one admitted node; ``host`` is the name by which its organisation knows the resource.

    Lower ranks are asked first: the order of a group's members, then the preferred node. With another number
    of ``resets`` gateways forget its failures.
    """

    node_id: str
    organisation: TrustDomain
    endpoint: Endpoint
    host: str
    rank: int = 0
    zone: str = ""
    condition: Condition = Condition.NORMAL
    resets: int = 0


@dataclass(frozen=True, slots=True)
class Import:
    """A partner's resource as our egress reaches it, or a group; no targets: nothing may be sent now.

    ``organisations`` are all whose nodes may be among the targets: one, or a group's members.
    With a new ``epoch`` no connection of the one before is used any more.
    """

    resource: Resource
    targets: tuple[Target, ...]
    organisations: tuple[TrustDomain, ...]
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Own:
    """A resource of ours as our own applications reach it: at its upstreams, past no ingress and no grant."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Mixed:
    """A group with ourselves among its members: who stands before us is asked first, who stands behind last.

    ``resource`` is the group's name; None: nobody stands there.
    """

    resource: Resource
    ahead: Import | None
    own: Own
    behind: Import | None


@dataclass(frozen=True, slots=True)
class Policy:
    """What one identity may do at one resource; ``id`` is the grant's, and what the audit shows."""

    id: str
    capabilities: tuple[Capability, ...]  # empty: everything


@dataclass(frozen=True, slots=True)
class Export:
    """A resource of ours as our ingress offers it: identities not listed are denied."""

    resource: Resource
    allowed: tuple[tuple[SpiffeId, tuple[Policy, ...]], ...]  # sorted by identity; policies by id
    revoked: tuple[tuple[TrustDomain, tuple[str, ...]], ...] = ()  # serials of these partners' certificates
    shadow: tuple[tuple[SpiffeId, tuple[Policy, ...]], ...] = ()  # what shadow grants would allow; as above
    limits: tuple[tuple[SpiffeId, int], ...] = ()  # requests an hour of those who have not the default


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner's anchors and identities. ``bundle`` None: nothing of theirs is to be trusted."""

    organisation: TrustDomain
    bundle: Bundle | None
    identities: tuple[SpiffeId, ...]  # of its admitted nodes, sorted


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where one gateway of ours listens. With a new ``epoch`` it ends all connections of the one before."""

    gateway: Gateway
    epoch: int = 0
    limits: tuple[int, ...] = (DEFAULT,)  # every limit, in requests an hour, that somebody has


Planned = Import | Own | Mixed | Export | Partner | Listeners
