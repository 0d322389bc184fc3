"""Tokens that are made, changed and revoked in their file are in the audit, once."""

import pytest

from control_plane.admin.token_watch import ACTOR, look
from control_plane.admin.tokens import Role, new_token, revoke_token, rotate_token
from control_plane.ports.errors import UnavailableError
from tests.unit.admin.world import World

TOKENS = "/api/v1/tokens"


def told(world: World, *, after: int = 0) -> list[tuple[str, str, str]]:
    return [(event.principal, event.action, event.resource) for event in world.audit.events[after:]]


async def test_what_is_in_the_file_is_told_once_also_after_a_restart(world: World) -> None:
    for _ in range(2):
        await look(world.dependencies())
        await look(world.dependencies())

    assert told(world) == [(ACTOR, "token.create", role.value) for role in sorted(Role)]


async def test_what_a_command_does_to_the_file_is_told(world: World) -> None:
    deps = world.dependencies()
    await look(deps)
    before = len(world.audit.events)

    new_token(world.token_file, name="anna", role=Role.VIEWER)
    await look(deps)
    rotate_token(world.token_file, "anna")
    await look(deps)
    revoke_token(world.token_file, "anna")
    await look(deps)

    assert told(world, after=before) == [
        (ACTOR, f"token.{word}", "anna") for word in ("create", "change", "revoke")
    ]


async def test_what_is_done_over_the_api_is_told_by_whoever_did_it_alone(world: World) -> None:
    deps = world.dependencies()
    await look(deps)
    before = len(world.audit.events)
    new_token(world.token_file, name="beside", role=Role.VIEWER)

    made = await world.call("POST", TOKENS, {"name": "anna"})
    await world.call("POST", f"{TOKENS}/anna/rotate", {})
    await world.call("DELETE", f"{TOKENS}/anna")
    await look(deps)

    assert made.status == 201
    found = told(world, after=before)
    assert [(action, name) for _, action, name in found] == [
        *((f"token.{word}", "anna") for word in ("create", "rotate", "revoke")),
        ("token.create", "beside"),
    ]
    assert [actor for actor, *_ in found].index(ACTOR) == 3


async def test_what_the_audit_did_not_take_is_told_the_next_time(world: World) -> None:
    deps = world.dependencies()
    world.audit.down = True
    with pytest.raises(UnavailableError):
        await look(deps)
    world.audit.down = False

    await look(deps)

    assert len(told(world)) == len(Role)
