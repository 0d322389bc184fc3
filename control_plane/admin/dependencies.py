"""What the API needs of the rest, handed in by ``app``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from control_plane.admin.attempts import Attempts
from control_plane.admin.audited import Audited
from control_plane.admin.dashboard.figures import Figures
from control_plane.admin.dashboard.sessions import Sessions
from control_plane.admin.dashboard.towns import Towns
from control_plane.admin.dashboard.work import Works
from control_plane.admin.newsroom import Newsroom
from control_plane.admin.node_ids import NodeIds
from control_plane.admin.tokens import Role, TokenFile
from control_plane.model.change import Kind
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import Problem
from control_plane.ports.answers import AnswerKeys
from control_plane.ports.audit import AuditStore
from control_plane.ports.audit_use import AuditFollowing, AuditStatistics
from control_plane.ports.certificates import Expiries, Rotations
from control_plane.ports.deliveries import DeliveryLog, Streams
from control_plane.ports.discovery import Sources
from control_plane.ports.explain import Judging
from control_plane.ports.fitness import Fitness
from control_plane.ports.heads import HeadKeeping, HeadOffering
from control_plane.ports.history import History
from control_plane.ports.isolation import IsolationCheck
from control_plane.ports.objects import Objects
from control_plane.ports.overview import Overview
from control_plane.ports.peering import BundleKeeping, Inviting, Joining, PartnerViews
from control_plane.ports.reconciliation import Reconciliations, Reconciling
from control_plane.ports.self_check import DatabaseLook
from control_plane.ports.shadow import ShadowCounts
from control_plane.ports.traffic import TrafficMinutes
from control_plane.ports.verification import Verifying


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeeringParts:
    """What speaks with partners' control planes."""

    inviting: Inviting
    joining: Joining
    views: PartnerViews
    bundles: BundleKeeping


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditParts:
    """What compares the audit with partners', and has it witnessed."""

    reconciling: Reconciling
    reports: Reconciliations
    offering: HeadOffering
    heads: HeadKeeping


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryParts:
    """The sources of discovery: how they fare, which are configured, and who contradicts whom."""

    sources: Sources
    names: tuple[str, ...]
    conflicts: Callable[[], tuple[Problem, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Everything that a handler may use.

    ``anchors`` are our own, as partners import them (PEM, one certificate each). ``waiting`` says what
    readiness waits for, each in a few words; empty means ready. ``counts`` are the objects of the published
    revision by kind, from memory. ``rotations`` is None where our anchors come from elsewhere.
    """

    own: TrustDomain
    version: str
    objects: Objects
    audit: AuditStore
    deliveries: DeliveryLog
    overview: Overview
    tokens: TokenFile
    anchors: Callable[[], tuple[str, ...]]
    counts: Callable[[], Mapping[Kind, int]]
    waiting: Callable[[], tuple[str, ...]]
    expiries: Expiries
    statistics: AuditStatistics
    following: AuditFollowing
    rotations: Rotations | None = None
    peering: PeeringParts | None = None  # None: no peering endpoint is set
    audits: AuditParts | None = None  # None, too
    discovery: DiscoveryParts | None = None
    isolation: IsolationCheck | None = None
    verifying: Verifying | None = None
    fitness: Fitness | None = None  # None: nothing is seen of nodes
    streams: Streams | None = None
    judging: Judging | None = None
    history: History | None = None
    answers: AnswerKeys | None = None  # None: keys of requests are refused
    shadows: ShadowCounts | None = None
    minutes: TrafficMinutes | None = None  # None: the overview draws no curves
    look: DatabaseLook | None = None  # at the database itself
    clients: Mapping[SpiffeId, Role] = field(default_factory=dict)  # roles of clients with certificates
    scheme: str = "http"  # of the address
    address: str = ""  # host:port where browsers reach the dashboard; empty: they do not
    now: Callable[[], datetime] = _now
    node_ids: NodeIds = field(default_factory=NodeIds)
    sessions: Sessions = field(default_factory=Sessions)
    works: Works = field(default_factory=Works)
    attempts: Attempts = field(default_factory=Attempts)
    newsroom: Newsroom = field(default_factory=Newsroom)
    figures: Figures = field(default_factory=Figures)
    towns: Towns = field(default_factory=Towns)
    audited: Audited = field(default_factory=Audited)
