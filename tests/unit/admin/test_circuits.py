"""Circuits as operators see them: by node, as a list, and as metrics."""

from dataclasses import replace

from control_plane.model.circuit import Circuit, CircuitState
from control_plane.model.identity import ObjectId
from control_plane.model.steering import Steering
from tests.unit.admin.test_federation import API
from tests.unit.admin.test_revocations import add_node
from tests.unit.admin.world import PARTNER, World

OPEN = Circuit(state=CircuitState.OPEN, reason="consecutive_5xx", since=1_000, until=1_030, openings=1)


async def test_a_circuit_has_its_reason_and_its_times_and_the_node_its_status(world: World) -> None:
    key = await add_node(world)
    world.fitness.open[key] = OPEN

    shown = (await world.call("GET", f"{API}/nodes/{key}/circuit")).document
    node = (await world.call("GET", f"{API}/nodes/{key}")).document

    assert (shown["state"], shown["reason"], shown["by_hand"]) == ("open", "consecutive_5xx", False)
    assert (shown["since"], shown["until"]) == ("1970-01-01T00:16:40Z", "1970-01-01T00:17:10Z")
    assert [one["gateway"] for one in shown["gateways"]] == ["gw-1"]
    assert (node["status"], node["status_reason"]) == ("offline", "circuit_open")


async def test_opened_by_hand_it_is_open_whatever_gateways_say(world: World) -> None:
    key = await add_node(world)
    await world.call("POST", f"{API}/nodes/{key}/circuit/open", {"reason": "they asked"})

    shown = (await world.call("GET", f"{API}/nodes/{key}/circuit")).document

    assert (shown["state"], shown["reason"], shown["by_hand"]) == ("open", "they asked", True)
    assert shown["until"] is None
    assert shown["since"]
    assert shown["by"]


async def test_what_was_opened_by_hand_is_in_the_list_before_what_gateways_opened(world: World) -> None:
    held = Steering(ObjectId("lb-2"), PARTNER, circuit_open=True, opened_at=1_000, reason="they asked")
    world.fitness.held = (held, replace(held, node_id=ObjectId("lb-3"), reason=""))
    world.fitness.open["lb-1@luebeck.example"] = OPEN

    listed = (await world.call("GET", f"{API}/circuits")).document

    assert listed["total"] == 3
    assert [(one["node"], one["gateway"], one["state"], one["reason"]) for one in listed["items"]] == [
        ("lb-2@luebeck.example", "", "open", "by hand: they asked"),
        ("lb-3@luebeck.example", "", "open", "by hand"),
        ("lb-1@luebeck.example", "gw-1", "open", "consecutive_5xx"),
    ]
    assert listed["items"][0]["since"] == "1970-01-01T00:16:40Z"


async def test_a_node_that_answered_was_seen_then(world: World) -> None:
    key = await add_node(world)
    world.fitness.answered[key] = 1_000.0

    node = (await world.call("GET", f"{API}/nodes/{key}")).document

    assert node["last_seen"] == "1970-01-01T00:16:40Z"


async def test_a_node_without_news_has_a_closed_circuit(world: World) -> None:
    key = await add_node(world)

    shown = (await world.call("GET", f"{API}/nodes/{key}/circuit")).document

    assert (shown["state"], shown["since"], shown["gateways"]) == ("closed", None, [])


async def test_open_circuits_and_settings_without_effect_are_listed_and_measured(world: World) -> None:
    world.fitness.open["lb-1@luebeck.example"] = OPEN

    listed = (await world.call("GET", f"{API}/circuits")).document
    assert world.session is not None
    async with world.session.get("http://localhost/metrics") as answer:
        measured = await answer.text()

    assert [one["node"] for one in listed["items"]] == ["lb-1@luebeck.example"]
    assert listed["settings"] == [{"setting": "retries", "detail": "too many", "hint": "fewer"}]
    series = 'proxenia_circuit_state{gateway="gw-1",node="lb-1@luebeck.example",resource="orders@x"} 2.0'
    assert series in measured
    assert "proxenia_circuits_open 1.0" in measured
