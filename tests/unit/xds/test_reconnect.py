"""What a gateway is told that comes back with what it had."""

import pytest

from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, SECRET
from control_plane.xds import table
from control_plane.xds.board import Board
from control_plane.xds.channel import BehindError
from tests.unit.xds.ads import Client, board, put, resource, said, take


def held(where: Board, type_url: str) -> dict[str, str]:
    """What a gateway has that acknowledged everything."""
    return dict(where.shelf(type_url, "gw-1").versions())


def test_nothing_is_sent_again_when_nothing_changed() -> None:
    world = board(*(resource(t, n) for t in (CLUSTER, ENDPOINTS) for n in "abc"))
    client = Client(world)

    client.ask(CLUSTER, held=held(world, CLUSTER))
    client.ask(ENDPOINTS, *"abc", held=held(world, ENDPOINTS))

    assert said(client.settle()) == ["cds", "eds"]
    assert [delivery.acknowledged for delivery in client.session.deliveries()] == [3, 3]


def test_only_what_changed_is_sent_and_what_went_is_removed_last() -> None:
    world = board(resource(CLUSTER, "same"), resource(CLUSTER, "other"), resource(CLUSTER, "gone"))
    before = held(world, CLUSTER)
    put(world, resource(CLUSTER, "other"), resource(CLUSTER, "new"))
    take(world, CLUSTER, "gone")
    client = Client(world)

    client.ask(CLUSTER, "*", "gone", "never", held=before)

    assert said(client.settle()) == ["cds +new +other -never", "cds -gone"]


def test_what_went_is_removed_even_when_this_board_never_had_it() -> None:
    client = Client(board(resource(CLUSTER, "same")))

    client.ask(CLUSTER, held={"same": "x", "gone": "y"})

    assert said(client.settle()) == ["cds +same", "cds -gone"]


def test_nothing_is_removed_before_the_first_answer_was_acknowledged() -> None:
    client = Client(board())
    client.ask(CLUSTER, held={"gone": "y"})
    first = client.hear()

    client.ask(LISTENER, held={"also gone": "y"})
    second = client.hear()
    client.ack(*first)
    still = client.hear()
    client.ack(*second)

    assert said([*first, *second]) == ["cds", "lds"]
    assert still == []
    assert said(client.hear()) == ["lds -also gone", "cds -gone"]


def test_recent_removals_are_repeated_to_a_gateway_that_does_not_list_them() -> None:
    world = board(resource(CLUSTER, "kept"), resource(CLUSTER, "applied from a refused response"))
    take(world, CLUSTER, "applied from a refused response")
    client = Client(world)

    client.ask(CLUSTER, held=held(world, CLUSTER))

    assert said(client.settle()) == ["cds", "cds -applied from a refused response"]


def test_endpoints_are_sent_when_their_cluster_changed_while_away() -> None:
    world = board(*(resource(t, n) for t in (CLUSTER, ENDPOINTS) for n in "ab"))
    clusters, endpoints = held(world, CLUSTER), held(world, ENDPOINTS)
    put(world, resource(CLUSTER, "a"))
    client = Client(world)

    client.ask(CLUSTER, held=clusters)
    heard = client.hear()
    client.ask(ENDPOINTS, *"ab", held=endpoints)
    heard += client.hear()

    assert said(heard) == ["cds +a", "eds +a"]


def test_endpoints_are_sent_when_their_cluster_changed_before_they_were_asked_for() -> None:
    world = board(*(resource(t, n) for t in (CLUSTER, ENDPOINTS) for n in "ab"))
    client = Client(world)

    client.ask(CLUSTER, held=held(world, CLUSTER))
    client.settle()
    put(world, resource(CLUSTER, "b"))
    client.settle()
    client.ask(ENDPOINTS, *"ab", held=held(world, ENDPOINTS))

    assert said(client.settle()) == ["eds +b"]


def test_endpoints_with_versions_and_no_clusters_are_no_fault() -> None:
    world = board(resource(ENDPOINTS, "a"))
    client = Client(world)

    client.ask(ENDPOINTS, "a", held=held(world, ENDPOINTS))

    assert said(client.settle()) == ["eds"]


def test_versions_in_a_later_request_mean_nothing() -> None:
    client = Client(board(resource(SECRET, "a")))
    client.ask(SECRET)
    client.settle()

    client.ask(SECRET, "a", held={"a": "x", "b": "y"})

    assert said(client.settle()) == ["sds +a"]


def test_a_stream_behind_the_removals_that_are_remembered_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_GONE", 1)
    world = board(*(resource(CLUSTER, name) for name in "abc"))
    client = Client(world)
    client.ask(CLUSTER)
    client.settle()

    take(world, CLUSTER, "a", "b")

    with pytest.raises(BehindError):
        client.hear()


def test_a_version_whose_answer_was_lost_is_sent_again_although_the_present_one_is_listed() -> None:
    old, same = resource(SECRET, "s", "1"), resource(SECRET, "t", "1")
    world = board(old, same)
    client = Client(world)
    client.ask(SECRET, "s", "t")
    client.settle()
    put(world, resource(SECRET, "s", "2"))
    client.hear()  # perhaps applied: its answer never came
    put(world, old)
    again = Client(world)
    again.session.doubt(client.session.doubts())

    again.ask(SECRET, "s", "t", held={"s": "1", "t": "1"})

    assert said(again.hear()) == ["sds +s"]


def test_doubts_last_until_the_answer_that_ends_them() -> None:
    world = board(resource(SECRET, "s", "1"))
    client = Client(world)
    client.ask(SECRET, "s")
    client.hear()
    early, second = Client(world), Client(world)
    early.session.doubt(client.session.doubts())
    second.session.doubt(early.session.doubts())  # it left before it asked for secrets

    second.ask(SECRET, "s", held={"s": "1"})
    before = second.session.doubts()
    second.settle()

    assert before == {SECRET: {"s"}}
    assert second.session.doubts() == {}
