"""How an application names a resource, and what a name can never do."""

import pytest

from control_plane.model.group import Group, GroupMode
from control_plane.model.identity import ObjectId, ResourceName
from control_plane.model.steering import Steering
from control_plane.model.tuning import Tuning
from tests.integration.translate.parties import CALLER, OTHER, SERVER, Cast, Parties, parties

pytestmark = pytest.mark.integration
ORDERS = ResourceName("orders")


async def test_a_host_is_the_same_in_capitals(shared: Parties) -> None:
    answers = [
        await shared.get("/case", host=host) for host in ("ORDERS.server.example", "Orders.SERVER.Example:80")
    ]

    assert answers == [(200, "/case")] * 2
    assert {seen["host"] for seen in shared.service.seen} == {"orders.server.example"}


@pytest.mark.parametrize("host", ["127.0.0.1:15001", "localhost", "gateway", "[::1]:80"])
async def test_a_path_names_a_resource_where_the_host_does_not(shared: Parties, host: str) -> None:
    answers = [
        await shared.get(path, host=host)
        for path in ("/server.example/orders/a/b?c=1", "/server.example/orders", "/server.example/orders?x=1")
    ]
    unknown = [
        (await shared.get(path, host=host))[0]
        for path in ("/", "/server.example", "/server.example/nothing/x", "/server.example/ordersx/1")
    ]

    assert answers == [(200, "/a/b?c=1"), (200, "/"), (200, "/?x=1")]
    assert unknown == [404] * 4


async def test_a_path_names_nothing_where_the_host_does(shared: Parties) -> None:
    answered = await shared.get("/server.example/secret/x", host="orders.server.example")

    assert answered == (200, "/server.example/secret/x")


async def test_a_header_names_a_resource_and_never_leaves(shared: Parties) -> None:
    named = {"x-proxenia-resource": "Orders@server.example"}

    by_header = await shared.get("/named", host="whatever.example", **named)
    wrong = [
        (await shared.get("/", host="orders.server.example", **{"x-proxenia-resource": name}))[0]
        for name in ("orders", "orders@", "a/b@server.example", "orders@server.example@x", "local/orders")
    ]

    assert by_header == (200, "/named")
    assert wrong == [404] * 5
    assert "x-proxenia-resource" not in shared.service.seen[-1]
    assert shared.service.seen[-1]["host"] == "orders.server.example"


async def test_a_group_fails_over_in_its_order_and_each_member_is_asked_by_its_own_name() -> None:
    group = Group(ORDERS, CALLER, (SERVER, OTHER))
    async with parties(Tuning(), cast=Cast(others=1, more=[group])) as all_of_them:
        first = await all_of_them.get("/1", host="orders.caller.example")
        seen = all_of_them.service.seen[-1]["host"]
        all_of_them.servers[0].kill()
        then = [await all_of_them.get("/2", host="orders.caller.example") for _ in range(20)]

    assert (first, seen) == ((200, "/1"), "orders.server.example")
    assert set(then) == {(200, "/2")}
    assert all_of_them.service.seen[-1]["host"] == "orders.other.example"


async def test_a_balanced_group_asks_all_of_its_members() -> None:
    group = Group(ORDERS, CALLER, (SERVER, OTHER), GroupMode.BALANCE)
    async with parties(Tuning(), cast=Cast(others=1, more=[group])) as all_of_them:
        answers = [await all_of_them.get("/", host="orders.caller.example") for _ in range(40)]

    assert set(answers) == {(200, "/")}
    hosts = [seen["host"] for seen in all_of_them.service.seen]
    assert min(hosts.count(f"orders.{one}") for one in (SERVER, OTHER)) >= 5


@pytest.mark.parametrize(
    "steering",
    [
        Steering(ObjectId("node-0"), SERVER, draining=True),
        Steering(ObjectId("node-0"), SERVER, circuit_open=True),
    ],
)
async def test_nothing_new_is_sent_to_a_node_that_is_drained_or_held_open(steering: Steering) -> None:
    async with parties(Tuning(), servers=2, cast=Cast(more=[steering])) as both:
        answers = [await both.get("/x") for _ in range(20)]
        await both.servers[1].written("access", 20)
        spared = both.servers[0].lines("access")

    assert set(answers) == {(200, "/x")}
    assert spared == []
