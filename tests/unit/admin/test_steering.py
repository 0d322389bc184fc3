"""Draining nodes, opening and resetting circuits by hand, and groups."""

import pytest

from control_plane.model.change import Kind
from control_plane.model.steering import Steering
from tests.unit.admin.test_federation import API
from tests.unit.admin.test_revocations import add_node
from tests.unit.admin.world import OWN, PARTNER, World, node


async def steering_of(world: World, key: str) -> Steering:
    stored = await world.objects.get(Kind.STEERING, key)
    assert stored is not None
    assert isinstance(stored.value, Steering)
    return stored.value


async def test_a_drain_outlives_what_is_said_of_the_node_and_ends_with_undrain(world: World) -> None:
    key = await add_node(world)

    drained = await world.call("POST", f"{API}/nodes/{key}/drain", {"reason": "disks"})
    await world.call("PATCH", f"{API}/nodes/{key}", {"name": "renamed"})
    kept = await steering_of(world, key)
    undrained = await world.call("POST", f"{API}/nodes/{key}/undrain", {})

    assert (drained.status, drained.document["draining"], drained.document["reason"]) == (
        200,
        True,
        "disks",
    )
    assert kept.draining
    assert undrained.document["draining"] is False


async def test_a_circuit_is_opened_by_hand_and_reset(world: World) -> None:
    key = await add_node(world)

    await world.call("POST", f"{API}/nodes/{key}/circuit/open", {"reason": "they asked"})
    opened = await steering_of(world, key)
    await world.call("POST", f"{API}/nodes/{key}/circuit/reset", {})
    reset = await steering_of(world, key)

    assert (opened.circuit_open, opened.resets) == (True, 0)
    assert (reset.circuit_open, reset.resets) == (False, 1)


async def test_a_removed_node_leaves_no_decision_behind(world: World) -> None:
    key = await add_node(world)
    await world.call("POST", f"{API}/nodes/{key}/drain", {})

    await world.call("DELETE", f"{API}/nodes/{key}")

    assert await world.objects.get(Kind.STEERING, key) is None


@pytest.mark.parametrize("verb", ["drain", "undrain", "circuit/open", "circuit/reset"])
async def test_a_node_that_does_not_exist_cannot_be_steered(world: World, verb: str) -> None:
    answer = await world.call("POST", f"{API}/nodes/nobody@{PARTNER}/{verb}", {})

    assert (answer.status, answer.document["code"]) == (404, "not_found")


async def test_a_group_is_of_ours_and_its_members_offer_the_resource(world: World) -> None:
    await world.call("POST", f"{API}/nodes", node())
    await world.call("POST", f"{API}/resources", {"name": "orders", "organisation": PARTNER})
    group = {"name": "orders", "organisation": OWN, "members": [PARTNER], "mode": "failover"}

    strange = await world.call("POST", f"{API}/groups", group | {"organisation": "else.example"})
    missing = await world.call("POST", f"{API}/groups", group | {"name": "nothing"})
    added = await world.call("POST", f"{API}/groups", group)
    listed = await world.call("GET", f"{API}/groups")
    removed = await world.call("DELETE", f"{API}/groups/orders@{OWN}")

    assert (strange.document["code"], missing.document["code"]) == ("foreign_group", "unknown_member")
    assert (added.status, added.document["host"]) == (201, f"orders.{OWN}")
    assert listed.document["items"] == [added.document]
    assert removed.status == 204
