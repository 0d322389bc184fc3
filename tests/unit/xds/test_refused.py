"""What a session does when Envoy refuses: find the guilty, save the others, and never insist."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET
from control_plane.xds.board import Board
from control_plane.xds.frames import Response
from control_plane.xds.refusals import MAX_DETAIL, clean, named
from tests.unit.xds.ads import NOW, Client, board, put, resource, said, take


def test_the_others_of_a_refused_response_are_sent_again_without_the_named_one() -> None:
    bad = resource(CLUSTER, "to/b.example")
    world = board(resource(CLUSTER, "to/a.example"), bad, resource(CLUSTER, "to/c.example"))
    client = Client(world)
    client.ask(CLUSTER)
    (offered,) = client.hear()

    client.nack(offered, "Error adding/updating cluster(s) to/b.example: no such filter")
    again = client.settle()

    assert said(again) == ["cds +to/a.example +to/c.example"]
    delivery = client.delivery(CLUSTER)
    assert (delivery.wanted, delivery.acknowledged, delivery.in_flight) == (3, 2, 0)
    (refusal,) = delivery.refused
    assert (refusal.name, refusal.version, refusal.at) == (bad.name, bad.version, NOW)
    assert refusal.detail.endswith("no such filter")


def test_when_nobody_is_named_halves_are_tried_until_the_guilty_are_alone() -> None:
    world = board(*(resource(LISTENER, f"l{i}") for i in range(8)))
    client = Client(world)
    client.ask(LISTENER)
    guilty = {"l2", "l7"}
    tried = 0

    responses = client.hear()
    while responses:
        for response in responses:
            tried += 1
            if guilty & {entry.name for entry in response.entries}:
                client.nack(response, "something is wrong")
            else:
                client.ack(response)
        responses = client.hear()

    delivery = client.delivery(LISTENER)
    assert {refusal.name for refusal in delivery.refused} == guilty
    assert delivery.acknowledged == 6
    assert tried == 11


def test_a_refused_version_is_not_sent_again_until_it_changes() -> None:
    bad = resource(SECRET, "s")
    world = board(bad)
    client = Client(world)
    client.ask(SECRET, "s")
    client.nack(client.hear()[0], "s")

    put(world, resource(SECRET, "other"))
    put(world, resource(SECRET, "s"), resource(SECRET, "other"))
    put(world, bad)
    unchanged = client.settle()
    put(world, resource(SECRET, "s"))

    assert unchanged == []
    assert said(client.settle()) == ["sds +s"]
    assert client.delivery(SECRET).refused == ()


def test_a_refusal_is_forgotten_when_the_resource_is_withdrawn() -> None:
    bad = resource(CLUSTER, "c")
    world = board(bad)
    client = Client(world)
    client.ask(CLUSTER)
    client.nack(client.hear()[0], "c")

    take(world, CLUSTER, "c")
    removed = client.settle()
    put(world, bad)

    assert said(removed) == ["cds -c"]
    assert said(client.settle()) == ["cds +c"]


def test_a_refused_name_that_is_asked_for_again_is_answered_again() -> None:
    client = Client(board(resource(SECRET, "s")))
    client.ask(SECRET, "s")
    client.nack(client.hear()[0], "s")

    client.ask(SECRET, drop=["s"])
    client.ask(SECRET, "s")

    assert said(client.settle()) == ["sds +s"]
    assert client.delivery(SECRET).refused == ()


def test_all_asked_for_again_includes_what_was_refused() -> None:
    client = Client(board(resource(CLUSTER, "c")))
    client.ask(CLUSTER, "*")
    client.nack(client.hear()[0], "c")

    client.ask(CLUSTER, "*")

    assert said(client.settle()) == ["cds +c"]


def test_refused_endpoints_are_not_sent_again_when_their_cluster_changes() -> None:
    world = board(resource(CLUSTER, "c"), resource(ENDPOINTS, "c"))
    client = Client(world)
    client.ask(CLUSTER)
    client.ack(*client.hear())
    client.ask(ENDPOINTS, "c")
    client.nack(client.hear()[0], "c")

    put(world, resource(CLUSTER, "c"))

    assert said(client.settle()) == ["cds +c"]


def test_a_refusal_of_what_changed_meanwhile_blames_nobody() -> None:
    world = board(resource(CLUSTER, "c"))
    client = Client(world)
    client.ask(CLUSTER)
    (old,) = client.hear()
    put(world, resource(CLUSTER, "c"))
    new = client.hear()

    client.nack(old, "c")
    client.ack(*new)

    assert client.hear() == []
    assert client.delivery(CLUSTER).acknowledged == 1


def test_what_is_acknowledged_after_all_is_not_refused() -> None:
    world = board(resource(SECRET, "s"))
    client = Client(world)
    client.ask(SECRET, "s")
    (first,) = client.hear()
    client.ask(SECRET, "s")
    (second,) = client.hear()

    client.nack(first, "s")
    client.ack(second)

    assert client.delivery(SECRET).refused == ()
    assert client.delivery(SECRET).acknowledged == 1


def test_a_refused_answer_without_resources_is_let_be() -> None:
    client = Client(board())
    client.ask(CLUSTER)

    client.nack(client.hear()[0], "nothing pleases me")

    assert client.hear() == []


def test_the_rest_of_a_refused_response_is_not_offered_again_when_it_is_gone_or_dropped() -> None:
    world = board(*(resource(SECRET, name) for name in "abcd"))
    client = Client(world)
    client.ask(SECRET, *"abcd")
    client.nack(client.hear()[0], "no name")

    take(world, SECRET, "a", "b")
    client.ask(SECRET, drop=["c", "d"])

    assert said(client.hear()) == ["sds -a -b"]


def test_a_refused_resource_that_was_dropped_leaves_the_delivery() -> None:
    client = Client(board(resource(SECRET, "s"), resource(SECRET, "t")))
    client.ask(SECRET, "s", "t")
    client.nack(client.hear()[0], "s")
    client.settle()

    client.ask(SECRET, drop=["s"])

    delivery = client.delivery(SECRET)
    assert (delivery.wanted, delivery.acknowledged, delivery.refused) == (1, 1, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Error adding/updating cluster(s) to/a.b: bad", ["to/a.b"]),
        ('invalid name: "to/a.b" connect_timeout', ["to/a.b"]),
        ("to/a.b, to/a.c: both", ["to/a.b", "to/a.c"]),
        ("cluster to/a.b.", ["to/a.b"]),
        ("cluster to/a.bc and x/to/a.b and to/a.b.c", []),
        ("", []),
    ],
)
def test_names_are_found_as_whole_words(text: str, expected: list[str]) -> None:
    assert named(text, ["to/a", "to/a.b", "to/a.c"]) == expected


def test_kept_text_has_no_secrets_no_control_characters_and_an_end() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQ==\n-----END PRIVATE KEY-----"
    cut = "-----BEGIN CERTIFICATE-----\nMIIEvQ=="

    text = clean(f"bad\x1b[31m\r\n{key} then\u202e {'x' * 2_000} {cut}")

    assert text.startswith("bad [31m (pem) then x")
    assert len(text) == MAX_DETAIL
    assert clean(cut) == "(pem)"
    assert clean(f"{'x' * 16_300} {key}").count("MII") == 0


def versions(responses: list[Response]) -> list[list[tuple[str, str]]]:
    return [[(entry.name, entry.version) for entry in response.entries] for response in responses]


def restarted(world: Board, type_url: str) -> tuple[Client, list[Response]]:
    """A gateway that has nothing, and refuses versions that begin with ``bad``; what it was sent and took."""
    client, taken = Client(world), []
    client.ask(type_url)
    while responses := client.hear():
        for response in responses:
            if any(entry.version.startswith("bad") for entry in response.entries):
                client.nack(response, "c")
            else:
                client.ack(response)
                taken.append(response)
    return client, taken


@pytest.mark.parametrize("type_url", [CLUSTER, LISTENER])
def test_a_gateway_that_restarts_gets_the_last_acknowledged_version_of_what_it_refuses(type_url: str) -> None:
    world = board(resource(type_url, "c", "good"), resource(type_url, "other", "1"))
    restarted(world, type_url)
    put(world, resource(type_url, "c", "bad"))
    restarted(world, type_url)

    client, taken = restarted(world, type_url)

    assert versions(taken) == [[("other", "1")], [("c", "good")]]
    delivery = client.delivery(type_url)
    assert [(each.name, each.version) for each in delivery.refused] == [("c", "bad")]
    assert (delivery.wanted, delivery.acknowledged, delivery.in_flight) == (2, 1, 0)


def test_what_nobody_answered_does_not_replace_the_last_acknowledged_version() -> None:
    world = board(resource(CLUSTER, "c", "good"))
    restarted(world, CLUSTER)
    put(world, resource(CLUSTER, "c", "nobody was there"))
    put(world, resource(CLUSTER, "c", "bad"))

    _, taken = restarted(world, CLUSTER)

    assert versions(taken) == [[("c", "good")]]


def test_who_only_keeps_a_version_has_not_acknowledged_it() -> None:
    world = board(resource(CLUSTER, "c", "good"))
    restarted(world, CLUSTER)
    put(world, resource(CLUSTER, "c", "bad 1"))
    keeper = Client(world, tries=False)
    keeper.ask(CLUSTER)
    keeper.settle()
    put(world, resource(CLUSTER, "c", "bad 2"))

    _, taken = restarted(world, CLUSTER)

    assert versions(taken) == [[("c", "good")]]


@given(st.lists(st.sampled_from(["good 1", "good 2", "bad 1", "bad 2"]), max_size=8))
def test_whatever_was_published_a_gateway_that_restarts_has_what_was_acknowledged_last(
    published: list[str],
) -> None:
    world, acknowledged = board(), []
    for version in published:
        put(world, resource(CLUSTER, "c", version))
        _, taken = restarted(world, CLUSTER)
        acknowledged += [version] if version.startswith("good") else []
        expected = [[("c", acknowledged[-1])]] if acknowledged else []

        assert [each for each in versions(taken) if each] == expected


@pytest.mark.parametrize("type_url", [ROUTES, SECRET, ENDPOINTS])
def test_who_may_do_what_is_never_sent_as_it_was_before(type_url: str) -> None:
    world = board(resource(type_url, "c", "good"))
    client = Client(world)
    client.ask(type_url, "c")
    client.settle()
    put(world, resource(type_url, "c", "bad"))

    client.nack(client.hear()[0], "c")

    assert client.settle() == []


def test_what_was_withdrawn_is_not_sent_as_it_was_before() -> None:
    world = board(resource(CLUSTER, "c", "good"))
    restarted(world, CLUSTER)
    take(world, CLUSTER, "c")
    put(world, resource(CLUSTER, "c", "bad"))

    client, taken = restarted(world, CLUSTER)

    assert taken == []
    assert client.settle() == []


def test_a_version_that_is_refused_as_well_is_not_sent_again() -> None:
    world = board(resource(CLUSTER, "c", "good"))
    restarted(world, CLUSTER)
    put(world, resource(CLUSTER, "c", "bad"))
    client = Client(world)
    client.ask(CLUSTER)
    client.nack(client.hear()[0], "c")
    (before,) = client.hear()

    client.nack(before, "this Envoy takes nothing")

    assert versions([before]) == [[("c", "good")]]
    assert client.settle() == []
    assert [each.version for each in client.delivery(CLUSTER).refused] == ["bad"]


def test_names_that_do_not_exist_are_told_again_when_their_response_was_refused_for_another() -> None:
    client = Client(board(resource(SECRET, "s")))
    client.ask(SECRET, "s", "absent")
    (first,) = client.hear()
    assert said([first]) == ["sds +s -absent"]

    client.nack(first, "s")

    assert said(client.hear()) == ["sds -absent"]
    assert client.hear() == []
