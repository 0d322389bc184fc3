"""What one stream may ask for, and what is kept for it."""

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, SECRET, XdsResource
from control_plane.xds import frames, subscription
from control_plane.xds.channel import MAX_NAME
from control_plane.xds.subscription import ProtocolError
from tests.unit.xds.ads import Client, board, put, resource, said


def test_more_names_than_allowed_end_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "MAX_NAMES", 3)
    client = Client(board())
    client.ask(SECRET, *"abc")

    with pytest.raises(ProtocolError, match="at most 3 names of one type, got 4"):
        client.ask(SECRET, "d")


def test_a_name_that_is_too_long_ends_the_stream() -> None:
    client = Client(board())
    client.ask(SECRET, "n" * MAX_NAME)

    with pytest.raises(ProtocolError, match="at most 2048 characters"):
        client.ask(SECRET, "n" * (MAX_NAME + 1))


def test_a_type_that_is_not_served_ends_the_stream_and_is_not_repeated_at_length() -> None:
    client = Client(board())

    with pytest.raises(ProtocolError, match="expected one of the types") as ended:
        client.ask("x" * 100_000)

    assert len(str(ended.value)) < 1_000


def test_naming_nothing_asks_for_nothing_once_something_was_named() -> None:
    client = Client(board(resource(CLUSTER, "a")))
    client.ask(CLUSTER, "a")
    client.settle()
    client.ask(CLUSTER, drop=["a"])

    client.ask(CLUSTER)

    assert client.settle() == []
    assert client.delivery(CLUSTER).wanted == 0


def test_all_that_was_dropped_is_not_sent_any_more() -> None:
    world = board(resource(LISTENER, "a"))
    client = Client(world)
    client.ask(LISTENER, "*")
    client.settle()

    client.ask(LISTENER, drop=["*"])
    put(world, resource(LISTENER, "a"))

    assert client.settle() == []


def test_a_step_before_the_first_request_is_no_news() -> None:
    world = board(resource(CLUSTER, "a"))
    client = Client(world)

    put(world, resource(CLUSTER, "b"))

    assert client.hear() == []


def test_an_endpoint_that_names_no_cluster_of_ours_is_found_by_its_own_name() -> None:
    cluster = Cluster(name="c", type=Cluster.EDS)
    cluster.eds_cluster_config.service_name = "shared"
    world = board(XdsResource.of(CLUSTER, "c", cluster.SerializeToString()), resource(ENDPOINTS, "shared"))
    client = Client(world)
    client.ask(CLUSTER)
    client.ask(ENDPOINTS, "shared")
    client.settle()

    cluster.alt_stat_name = "changed"
    put(world, XdsResource.of(CLUSTER, "c", cluster.SerializeToString()))

    assert said(client.settle()) == ["cds +c", "eds +shared"]


def test_a_cluster_without_endpoints_of_its_own_is_followed_by_nothing() -> None:
    world = board(resource(ENDPOINTS, "c"))
    client = Client(world)
    client.ask(CLUSTER)
    client.ask(ENDPOINTS, "c")
    client.settle()

    put(world, XdsResource.of(CLUSTER, "c", Cluster(name="c", type=Cluster.STATIC).SerializeToString()))

    assert said(client.settle()) == ["cds +c"]


def test_what_is_kept_for_other_streams_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_SHARED", 2)
    monkeypatch.setattr(frames, "MAX_ACKS", 2)
    world = board(*(resource(SECRET, name) for name in "abc"))
    first, second = Client(world), Client(world)

    for name in "abc":
        first.ask(SECRET, name)
        first.settle()
    second.ask(SECRET, "a")
    heard = second.hear()

    assert len(world.acks) == 2
    assert said(heard) == ["sds +a"]


def test_streams_at_different_positions_do_not_disturb_each_other() -> None:
    world = board(*(resource(CLUSTER, name) for name in "ab"))
    clients = [Client(world) for _ in range(12)]
    for client in clients:
        put(world, resource(CLUSTER, "a"))
        client.ask(CLUSTER)
        client.settle()

    put(world, resource(CLUSTER, "b"))

    assert [said(client.settle()) for client in clients[:-1]] == [["cds +a +b"]] * 11
    assert said(clients[-1].settle()) == ["cds +b"]
