"""What we find wrong with a partner's gateways is what our heartbeats tell."""

from control_plane.app.remarks import Remarks
from control_plane.model.change import Kind
from control_plane.model.circuit import Circuit, CircuitState
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.node import Endpoint, Node
from control_plane.model.peering import MAX_REMARKS
from control_plane.model.problem import Problem
from control_plane.ports.objects import Write
from tests.fakes.fitness import FakeFitness
from tests.fakes.objects import FakeObjects

PARTNER = TrustDomain("luebeck.example")


async def nodes(objects: FakeObjects, count: int) -> list[str]:
    made = [
        Node(
            ObjectId(f"lb-{number}"),
            PARTNER,
            SpiffeId(f"spiffe://{PARTNER}/gateway/lb-{number}"),
            (Endpoint("192.0.2.1", 8443 + number),),
        )
        for number in range(count)
    ]
    await objects.write([Write(Kind.NODE, node.key, node) for node in made], actor="test")
    return [node.key for node in made]


async def test_a_node_that_does_not_answer_or_is_not_admitted_is_told() -> None:
    objects, fitness = FakeObjects(), FakeFitness()
    keys = await nodes(objects, 3)
    remarks = Remarks(objects)
    before = await remarks.about(PARTNER)

    fitness.open[keys[0]] = Circuit(state=CircuitState.OPEN)
    refused = Problem("node", "no_anchor", "no\nanchor")
    remarks.look(fitness, admission=lambda key: refused if key == keys[1] else None)

    assert before == ()
    assert [(each.code, each.detail) for each in await remarks.about(PARTNER)] == [
        ("node_offline", "lb-0 does not answer us: circuit_open"),
        ("no_anchor", "lb-1 gets nothing of us: no?anchor"),
    ]
    assert await remarks.about(TrustDomain("visby.example")) == ()


async def test_no_more_is_told_than_a_heartbeat_takes() -> None:
    objects, fitness = FakeObjects(), FakeFitness()
    for key in await nodes(objects, MAX_REMARKS + 4):
        fitness.open[key] = Circuit(state=CircuitState.OPEN)
    remarks = Remarks(objects)
    remarks.look(fitness, admission=lambda _: None)

    assert len(await remarks.about(PARTNER)) == MAX_REMARKS
