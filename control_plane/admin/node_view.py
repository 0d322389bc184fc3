"""A node as the API shows it: what the operator said, what was decided about it, null for what is unknown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control_plane.admin.dependencies import Dependencies
from control_plane.admin.node_ids import node_uuid
from control_plane.admin.stored import value_of
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.model.node import Endpoint, Node, NodeStatus
from control_plane.ports.objects import Objects, Stored


@dataclass(frozen=True, slots=True)
class ProblemView:
    """Why something does not work."""

    code: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """``problem`` says why a node gets no traffic; null means that it is admitted."""

    id: UUID
    node_id: str
    name: str
    organisation: str
    spiffe_id: str
    endpoints: tuple[Endpoint, ...]
    enabled: bool
    trust_level: AgreementState
    status: NodeStatus
    status_reason: str
    rate_limit_per_hour: int
    metadata: dict[str, str]
    sources: tuple[str, ...]
    discovered_at: datetime | None
    last_seen: datetime | None
    trusted_since: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: int
    problem: ProblemView | None


def node_view(stored: Stored, deps: Dependencies, *, trust: AgreementState) -> NodeView:
    """What is known of a stored node."""
    node = value_of(stored, Node)
    problem = deps.overview.admission(stored.key)
    finding = deps.fitness.finding(stored.key) if deps.fitness else None
    return NodeView(
        id=node_uuid(stored.key),
        node_id=node.node_id,
        name=node.name,
        organisation=node.organisation,
        spiffe_id=node.spiffe_id,
        endpoints=node.endpoints,
        enabled=node.enabled,
        trust_level=trust,
        status=finding.status if finding else NodeStatus.UNKNOWN,
        status_reason=finding.reason if finding else "nothing_seen",
        rate_limit_per_hour=node.rate_limit_per_hour,
        metadata=node.metadata,
        sources=("manual",),
        discovered_at=None,
        last_seen=None,
        trusted_since=None,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        revision=stored.revision,
        problem=ProblemView(problem.code, problem.detail, problem.hint) if problem else None,
    )


async def trust_levels(
    objects: Objects, organisations: Iterable[TrustDomain]
) -> Mapping[TrustDomain, AgreementState]:
    """The state of the agreement with each organisation; ``untrusted`` where there is none."""
    levels: dict[TrustDomain, AgreementState] = {}
    for organisation in set(organisations):
        stored = await objects.get(Kind.AGREEMENT, organisation)
        levels[organisation] = value_of(stored, Agreement).state if stored else AgreementState.UNTRUSTED
    return levels
