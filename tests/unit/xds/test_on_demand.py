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


def keeper_of(world: Board, held: dict[str, str] | None = None) -> tuple[Client, list[str]]:
    """Who keeps what a gateway is told, and what it is told first."""
    keeper = Client(world, tries=False)
    for type_url in (CLUSTER, ENDPOINTS):
        keeper.ask(type_url, "*", held=held)
    return keeper, said(keeper.settle())


def test_who_keeps_what_a_gateway_is_told_keeps_what_it_asked_for_and_not_the_rest() -> None:
    world = lazy_board(
        resource(CLUSTER, "local/a"), resource(ENDPOINTS, "local/a"), *both("to/b"), *both("to/c")
    )
    gateway = Client(world)
    gateway.ask(CLUSTER)
    gateway.ask(CLUSTER, "to/b")
    gateway.settle()
    keeper, first = keeper_of(world)

    assert gateway.session.wished
    assert keeper.session.include(gateway.session.wished)
    then = said(keeper.settle())
    put(world, *both("to/b"), *both("to/c"))

    assert first == ["cds +local/a", "eds +local/a"]
    assert then == ["cds +to/b", "eds +to/b"]
    assert said(keeper.settle()) == ["cds +to/b", "eds +to/b"]


def test_what_was_kept_stays_kept_although_nobody_asks_for_it_now() -> None:
    world = lazy_board(*both("to/b"), *both("to/c"))
    versions = {
        type_url: world.shelf(type_url, "gw-1").versions()["to/b"] for type_url in (CLUSTER, ENDPOINTS)
    }
    put(world, resource(ENDPOINTS, "to/b"))
    keeper = Client(world, tries=False)
    for type_url, version in versions.items():
        keeper.ask(type_url, "*", held={"to/b": version})

    assert said(keeper.settle()) == ["cds", "eds +to/b"]


def test_nothing_is_included_before_clusters_and_endpoints_are_asked_for() -> None:
    world = lazy_board(*both("to/b"))
    gateway, keeper = Client(world), Client(world, tries=False)
    keeper.ask(CLUSTER, "*")
    gateway.ask(CLUSTER, "to/b")

    assert gateway.session.wished
    assert not keeper.session.include(gateway.session.wished)
    assert keeper.session.wished is not None
    assert Client(world).session.wished is None
