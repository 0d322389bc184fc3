"""Our gateways: what each should have, acknowledged and refused; and how discovery fares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from control_plane.admin import discovery, gateways, status
from control_plane.admin.dashboard.page import Values, ask, ask_all
from control_plane.admin.differences import DiffQuery, show_diff
from control_plane.admin.gateways import WORDS, DeliveryView, GatewayDeliveries
from control_plane.admin.operation import Call
from control_plane.admin.problems import ApiError

MAX_SHOWN = 200  # resources of one gateway


@dataclass(frozen=True, slots=True)
class Line:
    """One gateway in the matrix; ``cells`` in the order of the types, None where nothing was asked for."""

    gateway: str
    connected: bool
    cells: tuple[DeliveryView | None, ...]


def matrix(states: Sequence[GatewayDeliveries]) -> tuple[tuple[str, ...], tuple[Line, ...]]:
    """The types in their usual order, and a line for each gateway."""
    known = {each.type for state in states for each in state.deliveries}
    order = [*WORDS.values(), *sorted(known - set(WORDS.values()))]
    types = tuple(word for word in order if word in known)
    lines = []
    for state in states:
        of = {each.type: each for each in state.deliveries}
        lines.append(Line(state.gateway, state.connected, tuple(of.get(word) for word in types)))
    return types, tuple(lines)


async def fleet(call: Call, query: Mapping[str, str]) -> Values:
    """Our gateways and their deliveries; of one, resource by resource."""
    state = await ask(call, status.show_status)
    types, lines = matrix(state.gateways)
    listed = await ask_all(call, gateways.list_gateways)
    chosen = query.get("gateway", "")
    return {
        "gateways": listed.items,
        "more": listed.next is not None,
        "types": types,
        "lines": lines,
        "refusals": [
            (one.gateway, each.type, refusal)
            for one in state.gateways
            for each in one.deliveries
            for refusal in each.refused
        ],
        "chosen": chosen,
        "all": query.get("all", "") == "yes",
        "diff": await _diff(call, chosen, everything=query.get("all", "") == "yes") if chosen else None,
    }


async def _diff(call: Call, gateway: str, *, everything: bool) -> Any:  # noqa: ANN401 - an operation's answer
    """What it should have and has; None when it is not connected to this control plane."""
    try:
        return await ask(call, show_diff, DiffQuery(all=everything, limit=MAX_SHOWN), id=gateway)
    except ApiError:
        return None


async def sources(call: Call, _: Mapping[str, str]) -> Values:
    """How discovery fares."""
    return {"discovery": await ask_all(call, discovery.list_sources) if call.deps.discovery else None}
