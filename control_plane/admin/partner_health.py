"""How partners' nodes are: what gateways find of them, and where they find nothing, what sources announce."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from control_plane.admin.dashboard.towns import Seen
from control_plane.admin.listing import OrganisationQuery, Page, shaped
from control_plane.admin.node_view import states_of
from control_plane.admin.operation import API, Call, Operation, Reply, route
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.circuit import CircuitState
from control_plane.model.node import NodeStatus

HEALTH = f"{API}/federation/health"
MOST = 150  # on a page: a partner may have thousands of nodes
MAX_AILING = 10

_REACHED = (NodeStatus.ONLINE, NodeStatus.DEGRADED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailing:
    """A node that is not online; ``reason`` is empty where only sources speak of it."""

    node: str
    status: NodeStatus
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerHealth:
    """``verdict`` is ``ok``, ``degraded``, ``down``, ``unknown``, or ``closed``: not trusted, or paused.

    ``nodes`` counts them by status; ``ailing`` are the first of those that are not online, the worst first.
    """

    organisation: str
    verdict: str
    state: AgreementState
    paused: bool
    nodes: Mapping[NodeStatus, int]
    circuits_open: int
    ailing: tuple[Ailing, ...]


def judge(agreement: Agreement | None, nodes: Mapping[NodeStatus, int]) -> str:
    """Whether a partner may be reached, and is, in a word."""
    if agreement is None or agreement.state is not AgreementState.TRUSTED or agreement.paused:
        return "closed"
    total = sum(nodes.values())
    if total == nodes[NodeStatus.OFFLINE]:
        return "down"
    if total == nodes[NodeStatus.ONLINE]:
        return "ok"
    return "degraded" if any(nodes[status] for status in _REACHED) else "unknown"


def health_of(
    organisation: str, agreement: Agreement | None, seen: Mapping[str, Seen], circuits_open: int
) -> PartnerHealth:
    """A partner from its nodes by id."""
    counted = Counter(NodeStatus(one.status) for one in seen.values())
    nodes = {status: counted[status] for status in NodeStatus}
    order = (NodeStatus.OFFLINE, NodeStatus.DEGRADED, NodeStatus.UNKNOWN)
    ailing = sorted(
        (order.index(NodeStatus(one.status)), node) for node, one in seen.items() if one.status in order
    )
    return PartnerHealth(
        organisation=organisation,
        verdict=judge(agreement, nodes),
        state=agreement.state if agreement else AgreementState.UNTRUSTED,
        paused=bool(agreement and agreement.paused),
        nodes=nodes,
        circuits_open=circuits_open,
        ailing=tuple(
            Ailing(node=f"{node}@{organisation}", status=order[place], reason=seen[node].reason)
            for place, node in ailing[:MAX_AILING]
        ),
    )


@route(Operation("GET", HEALTH, OrganisationQuery, Page[PartnerHealth], "How partners' nodes are"))
async def list_health(call: Call, query: OrganisationQuery) -> Reply:
    """One page, by organisation."""
    deps = call.deps
    await deps.towns.catch_up(deps.objects, deps.overview.revision)
    states = await states_of(deps)
    opened = Counter(
        node.rpartition("@")[2]
        for node, _, _, circuit in (deps.fitness.circuits() if deps.fitness else ())
        if circuit.state is CircuitState.OPEN
    )
    names = [
        name
        for name in deps.towns.names()
        if name > query.after and name != deps.own and query.organisation in {None, name}
    ]
    shown = names[: min(query.limit, MOST)]
    items = await shaped(
        shown,
        lambda name: health_of(
            name,
            deps.towns.agreements.get(name),
            deps.towns.nodes(name, deps.fitness, states),
            opened[name],
        ),
    )
    return Reply(Page(items, shown[-1] if len(names) > len(shown) else None))


ROUTES = (list_health,)
