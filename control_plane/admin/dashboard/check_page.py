"""Check: everything that ``proxenia check`` looks at, by the same function and with the same codes."""

from collections.abc import Mapping

from control_plane.admin import checks
from control_plane.admin.dashboard.labours import run
from control_plane.admin.dashboard.page import Values
from control_plane.admin.operation import Call, Nothing


async def check(call: Call, _: Mapping[str, str]) -> Values:
    """Look at every part now."""
    return {"checked": await run(call, checks.check, Nothing())}
