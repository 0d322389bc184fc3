"""Trust: everything with a date, the change of our anchors, and what waits for somebody."""

from collections.abc import Mapping

from control_plane.admin import expiry, peering, rotation
from control_plane.admin.dashboard.page import Values, ask
from control_plane.admin.operation import Call


async def trust(call: Call, _: Mapping[str, str]) -> Values:
    """Everything with a date, and the change of our anchors."""
    return {
        "expiry": await ask(call, expiry.list_expiry),
        "rotation": await ask(call, rotation.show_rotation) if call.deps.rotations else None,
        "invitations": (await ask(call, peering.list_invitations)).items if call.deps.peering else (),
    }
