"""A node as the API shows it: what the operator said, what was decided about it, null for what is unknown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from control_plane.admin.dependencies import Dependencies
from control_plane.admin.moments import moment
from control_plane.admin.node_ids import node_uuid
from control_plane.admin.operation import Call, Reply
from control_plane.admin.spoken import Spoken, States, last_seen, spoken_of, status_of
from control_plane.admin.stored import read_back, value_of
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.change import Kind
from control_plane.model.health import Finding
from control_plane.model.identity import TrustDomain
from control_plane.model.node import Endpoint, NodeStatus

NOTHING_SEEN = "nothing_seen"  # what gateways find of a node that nothing was sent to
NOT_ANNOUNCED = "not_announced"


@dataclass(frozen=True, slots=True)
class ProblemView:
    """Why something does not work."""

    code: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class Trust:
    """How we stand with an organisation, and since when it is trusted, if it is."""

    state: AgreementState
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """``problem`` says why a node gets no traffic; null means that it is admitted.

    ``last_seen`` is when a source last said so, or a gateway of ours last got an answer from it.
    """

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


def node_view(spoken: Spoken, deps: Dependencies, *, trust: Trust, states: States) -> NodeView:
    """What is known of a node."""
    node, merged = spoken.node, spoken.merged
    problem = deps.overview.admission(spoken.key)
    finding = deps.fitness.finding(spoken.key) if deps.fitness else None
    status, reason = seen_status(finding, spoken, states)
    return NodeView(
        id=node_uuid(spoken.key),
        node_id=node.node_id,
        name=node.name,
        organisation=node.organisation,
        spiffe_id=node.spiffe_id,
        endpoints=node.endpoints,
        enabled=node.enabled,
        trust_level=trust.state,
        status=status,
        status_reason=reason,
        rate_limit_per_hour=node.rate_limit_per_hour,
        metadata=node.metadata,
        sources=merged.sources,
        discovered_at=min((held.since for held in spoken.held), default=None),
        last_seen=max(filter(None, (last_seen(spoken, states), _answered(spoken, deps))), default=None),
        trusted_since=trust.since,
        created_at=min(stored.created_at for stored in spoken.stored),
        updated_at=max(stored.updated_at for stored in spoken.stored),
        revision=spoken.revision,
        problem=ProblemView(problem.code, problem.detail, problem.hint) if problem else None,
    )


def seen_status(finding: Finding | None, spoken: Spoken, states: States) -> tuple[NodeStatus, str]:
    """What gateways find when they reach it, and where they find nothing, whether it is announced."""
    if finding is not None and finding.reason != NOTHING_SEEN:
        return finding.status, finding.reason
    status = status_of(spoken, states)
    announced = {NodeStatus.ONLINE: "announced", NodeStatus.OFFLINE: NOT_ANNOUNCED}
    return status, announced.get(status, NOTHING_SEEN)


def _answered(spoken: Spoken, deps: Dependencies) -> datetime | None:
    """When a gateway last got an answer from it, as far as this replica knows."""
    sights = deps.fitness.sights(spoken.key).values() if deps.fitness else ()
    return moment(max((sight.answered for sight in sights), default=0.0))


async def states_of(deps: Dependencies) -> States:
    """How each source fares, by name."""
    return {state.name: state for state in await deps.discovery.sources.all()} if deps.discovery else {}


async def trust_levels(
    deps: Dependencies, organisations: Iterable[TrustDomain]
) -> Mapping[TrustDomain, Trust]:
    """How we stand with each organisation; ``untrusted`` where there is no agreement."""
    wanted = set(organisations)
    found = await deps.objects.many(Kind.AGREEMENT, wanted)
    states = {key: value_of(stored, Agreement).state for key, stored in found.items()}
    trusted = [one for one in wanted if states.get(one) is AgreementState.TRUSTED]
    since = await deps.history.trusted_since(trusted) if deps.history else {}
    return {one: Trust(states.get(one, AgreementState.UNTRUSTED), since.get(one)) for one in wanted}


async def node_reply(call: Call, spoken: Spoken) -> Reply:
    """The answer that shows a node."""
    organisation = spoken.node.organisation
    levels = await trust_levels(call.deps, [organisation])
    view = node_view(spoken, call.deps, trust=levels[organisation], states=await states_of(call.deps))
    return Reply(view, spoken.revision)


async def written_node(call: Call, key: str) -> Reply:
    """What has just been written, together with what sources say."""
    stored = await read_back(call, Kind.NODE, key)
    spoken = await spoken_of(call.deps.objects, key)
    return await node_reply(call, replace(spoken, manual=stored) if spoken else Spoken(key, stored, ()))
