"""The circuits to partners' nodes, as our gateways report them, and what became of a node altogether."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from control_plane.admin.listing import PageQuery, part, shaped
from control_plane.admin.moments import moment
from control_plane.admin.operation import API, Call, Nothing, Operation, Reply, route
from control_plane.admin.spoken import find_node
from control_plane.admin.stored import value_of
from control_plane.model.change import Kind
from control_plane.model.circuit import Circuit, CircuitState
from control_plane.model.node import NodeStatus
from control_plane.model.steering import Steering
from control_plane.observe import metrics

CIRCUITS = f"{API}/federation/circuits"
CIRCUIT = f"{API}/federation/nodes/{{key}}/circuit"
MAX_SERIES = 90  # of circuits that are not closed; how many there are is a metric of its own

_NUMBERS = {CircuitState.CLOSED: 0, CircuitState.HALF_OPEN: 1, CircuitState.OPEN: 2}
_WORST = (CircuitState.OPEN, CircuitState.HALF_OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCircuit:
    """One gateway's circuit to a node, for one resource; ``since`` is null when it never did anything.

    Neither gateway nor resource: an operator opened it, for all of them.
    """

    node: str
    gateway: str
    resource: str
    state: CircuitState
    reason: str
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCircuit:
    """The worst of a node's circuits, then each; opened by hand it is open for all."""

    node: str
    state: CircuitState
    reason: str
    since: datetime | None
    until: datetime | None
    by_hand: bool
    by: str
    status: NodeStatus
    status_reason: str
    gateways: tuple[GatewayCircuit, ...]


@dataclass(frozen=True, slots=True)
class SettingFault:
    """A setting with which circuits do not do what they are for."""

    setting: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitList:
    """Circuits that are not closed; ``settings`` is what would keep them from their work."""

    items: tuple[GatewayCircuit, ...]
    next: str | None
    total: int
    settings: tuple[SettingFault, ...]


def _view(node: str, gateway: str, resource: str, circuit: Circuit) -> GatewayCircuit:
    return GatewayCircuit(
        node=node,
        gateway=gateway,
        resource=resource,
        state=circuit.state,
        reason=circuit.reason,
        since=moment(circuit.since),
        until=moment(circuit.until),
    )


def _by_hand(steering: Steering) -> tuple[str, str, str, Circuit]:
    reason = f"by hand: {steering.reason}" if steering.reason else "by hand"
    circuit = Circuit(state=CircuitState.OPEN, reason=reason, since=steering.opened_at)
    return steering.key, "", "", circuit


@route(Operation("GET", CIRCUITS, PageQuery, CircuitList, "Circuits that are open or half open"))
async def list_circuits(call: Call, query: PageQuery) -> Reply:
    """One page, what was opened by hand first, by node; with what is wrong with the settings."""
    fitness = call.deps.fitness
    if fitness is None:
        return Reply(CircuitList(items=(), next=None, total=0, settings=()))
    found = [*map(_by_hand, fitness.held_open()), *fitness.circuits()]
    page, following = part(found, query, lambda one: "|".join(("12"[bool(one[1])], *one[:3])))
    items = await shaped(page, lambda one: _view(*one))
    faults = tuple(
        SettingFault(one.subject.partition(" ")[2], one.detail, one.hint) for one in fitness.lint()
    )
    return Reply(CircuitList(items=items, next=following, total=len(found), settings=faults))


@route(Operation("GET", CIRCUIT, Nothing, NodeCircuit, "The circuits to one node"))
async def show_circuit(call: Call, _: Nothing) -> Reply:
    """State, reason, since when, until when; by gateway and resource."""
    key = (await find_node(call)).key
    held = await call.deps.objects.get(Kind.STEERING, key)
    return Reply(node_circuit(call, key, value_of(held, Steering) if held else None))


def node_circuit(call: Call, key: str, steering: Steering | None) -> NodeCircuit:
    """What is known of the circuits to one node."""
    fitness = call.deps.fitness
    sights = fitness.sights(key) if fitness else {}
    each = tuple(
        _view(key, gateway, resource, circuit)
        for gateway, sight in sights.items()
        for resource, circuit in sorted(sight.circuits.items())
    )
    worst = next((one for state in _WORST for one in each if one.state is state), None)
    finding = fitness.finding(key) if fitness else None
    shown = worst or max(each, key=lambda one: one.since or datetime.min.replace(tzinfo=UTC), default=None)
    circuit = NodeCircuit(
        node=key,
        state=shown.state if shown else CircuitState.CLOSED,
        reason=shown.reason if shown else "",
        since=shown.since if shown else None,
        until=shown.until if shown else None,
        by_hand=False,
        by="",
        status=finding.status if finding else NodeStatus.UNKNOWN,
        status_reason=finding.reason if finding else "nothing_seen",
        gateways=each,
    )
    if steering is None or not steering.circuit_open:
        return circuit
    return replace(
        circuit,
        state=CircuitState.OPEN,
        reason=steering.reason or "opened by hand",
        since=moment(steering.opened_at),
        until=None,
        by_hand=True,
        by=steering.by,
    )


def families(call: Call) -> tuple[metrics.Family, ...]:
    """The same as metrics: what is not in them is closed."""
    found = call.deps.fitness.circuits() if call.deps.fitness else ()
    samples = tuple(
        metrics.Sample((gateway, node, resource), _NUMBERS[circuit.state])
        for node, gateway, resource, circuit in found[:MAX_SERIES]
    )
    return (
        metrics.Family(
            "proxenia_circuit_state",
            "Circuits that are not closed: 1 half open, 2 open.",
            ("gateway", "node", "resource"),
            samples,
        ),
        metrics.Family(
            "proxenia_circuits_open",
            "How many circuits are open.",
            (),
            (metrics.Sample((), sum(one[3].state is CircuitState.OPEN for one in found)),),
        ),
    )


ROUTES = (list_circuits, show_circuit)
