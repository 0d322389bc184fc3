"""The change of our own anchors: seen, started, confirmed and taken back by operators."""

from dataclasses import dataclass
from typing import ClassVar

from control_plane.admin.operation import API, Call, Keyed, Nothing, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.tokens import Role
from control_plane.model.node import check_text
from control_plane.model.rotation import RotationView
from control_plane.ports.certificates import Rotations

ROTATION = f"{API}/federation/rotation"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmInput:
    """Whom the present step need not wait for: a partner, or ``gateway <id>``."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str

    def __post_init__(self) -> None:
        check_text("a name", self.name)


def _rotations(call: Call) -> Rotations:
    if call.deps.rotations is None:
        raise ApiError("anchors_handed_in", "expected an authority of our own, got one that is elsewhere")
    return call.deps.rotations


@route(Operation("GET", ROTATION, Nothing, RotationView, "How the change of our anchors stands"))
async def show_rotation(call: Call, _: Nothing) -> Reply:
    """The phase, and what it waits for."""
    return Reply(await _rotations(call).show())


@route(
    Operation(
        "POST",
        ROTATION,
        Nothing,
        RotationView,
        "Announce a new root",
        role=Role.OPERATOR,
        status=201,
        keyed=Keyed.APART,
    )
)
async def start_rotation(call: Call, _: Nothing) -> Reply:
    """From now on partners get both anchors."""
    return Reply(await _rotations(call).start(actor=call.actor))


@route(
    Operation(
        "POST",
        ROTATION + "/abort",
        Nothing,
        RotationView,
        "Return to the old root",
        role=Role.OPERATOR,
        keyed=Keyed.APART,
    )
)
async def abort_rotation(call: Call, _: Nothing) -> Reply:
    """Possible until the old root is removed."""
    return Reply(await _rotations(call).abort(actor=call.actor))


@route(
    Operation(
        "POST",
        ROTATION + "/confirm",
        ConfirmInput,
        RotationView,
        "Go on, at this step, without waiting for one partner or gateway",
        role=Role.OPERATOR,
        keyed=Keyed.APART,
    )
)
async def confirm_rotation(call: Call, given: ConfirmInput) -> Reply:
    """An operator's word in place of an acknowledgement or a proof."""
    return Reply(await _rotations(call).confirm(given.name, actor=call.actor))


ROUTES = (show_rotation, start_rotation, abort_rotation, confirm_rotation)
