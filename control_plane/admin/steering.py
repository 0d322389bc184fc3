"""What operators decide about a node for the time being: drain it, open its circuit by hand, reset it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from control_plane.admin.ledger import Deed, perform
from control_plane.admin.operation import API, Call, Operation, Reply, Route, route
from control_plane.admin.revocations import Why
from control_plane.admin.spoken import find_node
from control_plane.admin.stored import read_back, value_of
from control_plane.admin.tokens import Role
from control_plane.model.change import Kind
from control_plane.model.steering import Steering

NODE = f"{API}/federation/nodes/{{key}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringView:
    """What is decided about a node, by whom, and when."""

    node: str
    draining: bool
    circuit_open: bool
    reason: str
    at: datetime
    by: str


def _decision(path: str, summary: str, change: Callable[[Steering, float], Steering]) -> Route:
    operation = Operation("POST", f"{NODE}/{path}", Why, SteeringView, summary, role=Role.OPERATOR)

    @route(operation)
    async def run(call: Call, given: Why) -> Reply:
        node = (await find_node(call)).node
        held = await call.deps.objects.get(Kind.STEERING, node.key)
        before = value_of(held, Steering) if held else Steering(node.node_id, node.organisation)
        now = call.deps.now().timestamp()
        after = replace(change(before, now), reason=given.reason, at=now, by=call.actor)
        action = path.replace("/", "-")
        await perform(call, [Deed(action, Kind.STEERING, node.key, after, held)])
        written = value_of(await read_back(call, Kind.STEERING, node.key), Steering)
        return Reply(steering_view(written))

    return run


def steering_view(steering: Steering) -> SteeringView:
    """A decision as the API shows it."""
    return SteeringView(
        node=steering.key,
        draining=steering.draining,
        circuit_open=steering.circuit_open,
        reason=steering.reason,
        at=datetime.fromtimestamp(steering.at, UTC),
        by=steering.by,
    )


def _opened(steering: Steering, now: float) -> Steering:
    return replace(steering, circuit_open=True, opened_at=now)


def _reset(steering: Steering, now: float) -> Steering:
    return replace(steering, circuit_open=False, resets=steering.resets + 1, reset_at=now)


ROUTES = (
    _decision(
        "drain",
        "Send nothing new to a node; what runs is finished",
        lambda steering, _: replace(steering, draining=True),
    ),
    _decision("undrain", "Send to a node again", lambda steering, _: replace(steering, draining=False)),
    _decision(
        "circuit/open",
        "Open a node's circuit by hand, until it is reset",
        _opened,
    ),
    _decision("circuit/reset", "Close a node's circuit now; gateways forget its failures", _reset),
)
