"""Checks of what is running, which change nothing that lasts."""

from control_plane.admin.ledger import note
from control_plane.admin.listing import every
from control_plane.admin.operation import API, Call, Keyed, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import value_of
from control_plane.admin.tokens import Role
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.isolation import IsolationChecked

CHECK_TRUST = f"{API}/federation/check/trust"
DEADLINE = 90.0  # seconds


@route(
    Operation(
        "POST",
        CHECK_TRUST,
        Nothing,
        IsolationChecked,
        "Offer certificates that must not work to every connected gateway",
        role=Role.OPERATOR,
        deadline=DEADLINE,
        keyed=Keyed.APART,
    )
)
async def check_trust(call: Call, _: Nothing) -> Reply:
    """For a while there are two partners more, whose keys nobody has."""
    connected = {state.gateway for state in await call.deps.deliveries.all() if state.connected}
    if call.deps.isolation is None or not connected:
        raise ApiError("no_gateway", "expected at least one connected gateway to try, got none")
    stored = [found async for found in every(call.deps.objects, Kind.GATEWAY)]
    gateways = [value_of(found, Gateway) for found in stored if found.key in connected]
    await note(call, "trust.check", call.deps.own)
    return Reply(await call.deps.isolation.run(gateways))


ROUTES = (check_trust,)
