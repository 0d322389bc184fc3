"""Metrics: what is known is told, what cannot be read is left out, and there are never too many series."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from control_plane.admin.circuits import MAX_SERIES
from control_plane.admin.gateways import WORDS
from control_plane.model.audit import EventType
from control_plane.model.delivery import Delivery, Refusal
from control_plane.model.problem import Problem
from control_plane.ports.deliveries import GatewayState
from tests.fakes.values import audit_event
from tests.unit.admin.test_circuits import OPEN
from tests.unit.admin.world import World

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def gateway(name: str, *, connected: bool = True, refused: int = 0) -> GatewayState:
    refusals = tuple(Refusal(f"cluster {number}", "1", "bad", 0.0) for number in range(refused))
    deliveries = tuple(Delivery(url, 5, 1, 4 - refused, refusals) for url in WORDS)
    return GatewayState(gateway=name, connected=connected, deliveries=deliveries, replica="one", at=NOW)


async def series(world: World) -> list[str]:
    assert world.session is not None
    async with world.session.get("http://localhost/metrics") as answer:
        text = await answer.text()
    return [line for line in text.splitlines() if not line.startswith("#")]


async def test_gateways_objects_and_problems_are_told(world: World) -> None:
    await world.deliveries.save([gateway("one"), gateway("two", connected=False, refused=1)])
    world.overview.problems = (Problem("node a", "no_node", "…"), Problem("node b", "no_node", "…"))

    found = await series(world)

    assert 'proxenia_gateway_connected{gateway="one"} 1.0' in found
    assert 'proxenia_gateway_connected{gateway="two"} 0.0' in found
    assert 'proxenia_gateway_resources{gateway="two",state="refused",type="clusters"} 1.0' in found
    assert 'proxenia_problems{code="no_node"} 2.0' in found
    assert 'proxenia_objects{kind="node"} 2.0' in found
    assert "proxenia_meters_failed 0.0" in found
    assert any(line.startswith("process_cpu_seconds_total") for line in found)


async def test_without_the_database_the_rest_is_still_told(world: World) -> None:
    world.deliveries.down = True

    found = await series(world)

    assert "proxenia_meters_failed 1.0" in found
    assert "proxenia_ready 1.0" in found
    assert not [line for line in found if line.startswith("proxenia_gateway_connected")]


async def test_gaps_of_the_last_day_are_counted_by_gateway(world: World) -> None:
    now = datetime.now(UTC)
    lost = replace(audit_event(1), event_type=EventType.GAP, reporter="gateway-1", timestamp=now)
    old = replace(lost, row_id="old", event_id="old", timestamp=now - timedelta(hours=25))
    await world.audit.append([lost, replace(lost, row_id="2", event_id="2"), old, audit_event(9)])

    found = await series(world)

    assert 'proxenia_audit_gaps{gateway="gateway-1"} 2.0' in found


async def test_many_nodes_never_make_too_many_series(world: World) -> None:
    """5,000 nodes, each with an open circuit and a problem, at 300 gateways."""
    await world.deliveries.save([gateway(f"gateway-{number:04}") for number in range(300)])
    for number in range(5_000):
        world.fitness.open[f"node-{number}@luebeck.example"] = OPEN
    codes = ("no_node", "node_unknown", "audits_differ")
    world.overview.problems = tuple(
        Problem(f"node {number}", codes[number % len(codes)], "…") for number in range(5_000)
    )

    found = await series(world)

    assert 'proxenia_problems{code="no_node"} 1667.0' in found
    assert "proxenia_circuits_open 5000.0" in found
    assert len([line for line in found if line.startswith("proxenia_circuit_state")]) == MAX_SERIES
    assert len(found) < 2000


async def test_many_gateways_never_make_too_many_series(world: World) -> None:
    await world.deliveries.save([gateway(f"gateway-{number:04}") for number in range(300)])

    found = await series(world)

    assert "proxenia_gateways_left_out 280.0" in found
    assert len(found) < 2000
