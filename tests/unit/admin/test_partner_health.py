"""How partners' nodes are, in one list: a word for each partner, and the nodes behind it."""

import pytest

from control_plane.admin.partner_health import judge
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.node import NodeStatus
from tests.unit.admin.test_circuits import OPEN
from tests.unit.admin.test_federation import API
from tests.unit.admin.test_revocations import add_node
from tests.unit.admin.world import PARTNER, World, node

_TRUSTED = Agreement(PARTNER, AgreementState.TRUSTED)
_PAUSED = Agreement(PARTNER, AgreementState.TRUSTED, paused=True)
_PENDING = Agreement(PARTNER, AgreementState.PENDING)


@pytest.mark.parametrize(
    ("agreement", "nodes", "verdict"),
    [
        (_TRUSTED, {"online": 2}, "ok"),
        (_TRUSTED, {"online": 1, "offline": 1}, "degraded"),
        (_TRUSTED, {"degraded": 1}, "degraded"),
        (_TRUSTED, {"unknown": 1, "online": 1}, "degraded"),
        (_TRUSTED, {"unknown": 1, "offline": 1}, "unknown"),
        (_TRUSTED, {"offline": 2}, "down"),
        (_TRUSTED, {}, "down"),
        (_PAUSED, {"online": 2}, "closed"),
        (_PENDING, {"online": 2}, "closed"),
        (None, {"online": 2}, "closed"),
    ],
)
def test_a_partner_is_as_its_nodes_are(
    agreement: Agreement | None, nodes: dict[str, int], verdict: str
) -> None:
    assert judge(agreement, {status: nodes.get(status, 0) for status in NodeStatus}) == verdict


async def test_the_worst_nodes_come_first_with_the_gateways_reasons(world: World) -> None:
    key = await add_node(world)
    await world.call("POST", f"{API}/nodes", node("lb-0"))
    world.fitness.open[key] = OPEN

    (shown,) = (await world.call("GET", f"{API}/health")).document["items"]

    assert (shown["organisation"], shown["circuits_open"]) == (PARTNER, 1)
    assert sum(shown["nodes"].values()) == len(shown["ailing"]) + shown["nodes"]["online"]
    assert shown["ailing"][0] == {"node": key, "status": "offline", "reason": "circuit_open"}


async def test_a_removed_node_and_a_removed_partner_are_gone(world: World) -> None:
    visby = {"organisation": "visby.example", "spiffe_id": "spiffe://visby.example/gateway/lb-0"}
    await world.call("POST", f"{API}/nodes", node("lb-0", **visby))
    before = (await world.call("GET", f"{API}/health?organisation=visby.example")).document["items"]

    await world.call("DELETE", f"{API}/nodes/lb-0@visby.example")
    world.overview.revision = world.objects.revision
    after = (await world.call("GET", f"{API}/health?organisation=visby.example")).document["items"]

    assert [one["verdict"] for one in before] == ["closed"]
    assert after == []


async def test_it_is_paged_by_organisation(world: World) -> None:
    names = [f"o{number}.example" for number in range(5)]
    for name in names:
        await world.call("POST", f"{API}/agreements", {"organisation": name, "state": "pending"})

    found, after = [], ""
    for _ in range(9):
        page = (await world.call("GET", f"{API}/health?limit=2&after={after}")).document
        found += [one["organisation"] for one in page["items"]]
        if not (after := page["next"] or ""):
            break

    assert set(names) <= set(found)
    assert found == sorted(set(found))
