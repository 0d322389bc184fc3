"""Our gateways and their deliveries, and how discovery fares."""

from collections.abc import Mapping

from control_plane.admin import discovery, gateways, status
from control_plane.admin.dashboard.page import Values, ask, ask_all
from control_plane.admin.operation import Call


async def fleet(call: Call, _: Mapping[str, str]) -> Values:
    """Our gateways and their deliveries."""
    state = await ask(call, status.show_status)
    return {"gateways": (await ask_all(call, gateways.list_gateways)).items, "deliveries": state.gateways}


async def sources(call: Call, _: Mapping[str, str]) -> Values:
    """How discovery fares."""
    return {"discovery": await ask(call, discovery.list_sources) if call.deps.discovery else None}
