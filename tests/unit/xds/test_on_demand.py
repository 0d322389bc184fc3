"""Clusters that a gateway gets when it asks for them, at the first request and after a reconnect."""

from control_plane.model.xds import CLUSTER, ENDPOINTS, XdsResource
from control_plane.ports.publisher import Publication
from control_plane.translate.clusters import nothing
from control_plane.xds.board import Board
from control_plane.xds.lazy import MAX_EMPTY, Lazy
from tests.unit.xds.ads import Client, put, resource, said, take


def lazy_board(*resources: XdsResource) -> Board:
    made = Board(Lazy("to/", nothing))
    made.publish(Publication(resources))
    made.open()
    return made


def both(name: str) -> tuple[XdsResource, XdsResource]:
    return resource(CLUSTER, name), resource(ENDPOINTS, name)


def test_who_asks_for_everything_gets_only_what_need_not_be_asked_for() -> None:
    world = lazy_board(resource(CLUSTER, "local/a"), *both("to/b"))
    client = Client(world)

    client.ask(CLUSTER)
    first = client.settle()
    put(world, *both("to/c"), resource(CLUSTER, "local/d"))

    assert said(first) == ["cds +local/a"]
    assert said(client.settle()) == ["cds +local/d"]
    assert client.delivery(CLUSTER).wanted == 2


def test_a_name_that_is_asked_for_beside_everything_comes_and_is_followed() -> None:
    world = lazy_board(resource(CLUSTER, "local/a"), *both("to/b"))
    client = Client(world)
    client.ask(CLUSTER)
    client.settle()

    client.ask(CLUSTER, "to/b")
    came = client.settle()
    put(world, resource(CLUSTER, "to/b"))

    assert said(came) == ["cds +to/b"]
    assert said(client.settle()) == ["cds +to/b"]
    assert client.delivery(CLUSTER).wanted == client.delivery(CLUSTER).acknowledged == 2


def test_an_unknown_name_is_answered_with_nothing_and_with_the_real_one_when_it_exists() -> None:
    world = lazy_board()
    client = Client(world)
    client.ask(CLUSTER)
    client.settle()

    client.ask(CLUSTER, "to/later")
    (answer,) = client.settle()
    put(world, *both("to/later"))
    (real,) = client.settle()

    assert said([answer, real]) == ["cds +to/later"] * 2
    assert answer.entries[0].version == nothing("to/later").version != real.entries[0].version


def test_what_is_withdrawn_becomes_nothing_and_is_not_removed() -> None:
    world = lazy_board(*both("to/b"))
    client = Client(world)
    client.ask(CLUSTER)
    client.ask(CLUSTER, "to/b")
    client.settle()

    take(world, CLUSTER, "to/b")
    (answer,) = client.settle()

    assert said([answer]) == ["cds +to/b"]
    assert answer.entries[0].version == nothing("to/b").version


def test_after_a_reconnect_only_what_is_other_than_it_was_is_sent() -> None:
    world = lazy_board(resource(CLUSTER, "local/a"), *both("to/b"), *both("to/c"), *both("to/unasked"))
    versions = dict(world.shelf(CLUSTER, "gw-1").versions())
    held = {name: versions[name] for name in ("local/a", "to/b", "to/c")}
    held["to/empty"] = nothing("to/empty").version
    put(world, resource(CLUSTER, "to/c"))
    take(world, CLUSTER, "to/b")
    client = Client(world)

    client.ask(CLUSTER, "*", "to/b", "to/c", "to/empty", held=held)

    assert said(client.settle()) == ["cds +to/b +to/c"]


def test_names_that_do_not_exist_are_not_answered_without_end() -> None:
    client = Client(lazy_board())
    client.ask(CLUSTER)
    client.settle()

    client.ask(CLUSTER, *(f"to/{number}" for number in range(MAX_EMPTY + 1)))
    (answer,) = client.settle()

    assert len(answer.entries) == MAX_EMPTY
    assert len(answer.removed) == 1
