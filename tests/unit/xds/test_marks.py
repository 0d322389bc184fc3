"""Marks of a protocol-true session, each with the sentence of the protocol or the observation behind it."""

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET
from tests.unit.xds.ads import NOW, Client, board, put, resource, said, take


def test_the_first_wildcard_request_is_answered_even_when_there_is_nothing() -> None:
    client = Client(board())

    client.ask(CLUSTER)
    client.ask(LISTENER, "*")

    assert said(client.hear()) == ["cds", "lds"]


def test_the_first_request_of_a_type_that_names_nothing_is_answered_with_nothing() -> None:
    client = Client(board(resource(ENDPOINTS, "a")))

    client.ask(ENDPOINTS)

    assert said(client.hear()) == ["eds"]


def test_a_name_that_does_not_exist_is_answered_with_its_removal() -> None:
    client = Client(board(resource(ROUTES, "there")))

    client.ask(ROUTES, "there", "missing")

    assert said(client.hear()) == ["rds +there -missing"]


def test_a_name_that_comes_to_exist_later_is_sent_then() -> None:
    world = board()
    client = Client(world)
    client.ask(ROUTES, "later")
    client.settle()

    put(world, resource(ROUTES, "later"), resource(ROUTES, "other"))

    assert said(client.hear()) == ["rds +later"]


def test_a_stale_nonce_still_changes_the_subscription() -> None:
    client = Client(board(resource(SECRET, "a"), resource(SECRET, "b")))
    client.ask(SECRET, "a")
    client.settle()

    client.ask(SECRET, "b", nonce="long ago")

    assert said(client.hear()) == ["sds +b"]


def test_a_stale_nonce_acknowledges_and_refuses_nothing() -> None:
    client = Client(board(resource(SECRET, "a")))
    client.ask(SECRET, "a")
    client.hear()

    client.ask(SECRET, nonce="another")

    assert client.delivery(SECRET).in_flight == 1
    assert client.hear() == []


def test_an_acknowledgement_in_other_bytes_counts_as_well() -> None:
    client = Client(board(resource(SECRET, "a")))
    client.ask(SECRET, "a")
    (response,) = client.hear()
    answer = DeltaDiscoveryRequest(type_url=SECRET, response_nonce=response.nonce)
    answer.node.id = "gw-1"

    by_bytes = client.session.on_ack(answer.SerializeToString())
    by_content = client.session.on_request(answer, now=NOW)

    assert (by_bytes, by_content) == (False, True)
    assert client.delivery(SECRET).acknowledged == 1


def test_an_acknowledgement_of_what_another_stream_was_sent_counts_for_nothing() -> None:
    world = board(resource(SECRET, "a"))
    one, other = Client(world), Client(world)
    one.ask(SECRET, "a")
    other.ask(SECRET)
    (response,) = one.hear()
    answer = DeltaDiscoveryRequest(type_url=SECRET, response_nonce=response.nonce)

    assert not other.session.on_ack(answer.SerializeToString())
    assert one.session.on_ack(answer.SerializeToString())
    assert not one.session.on_ack(answer.SerializeToString())


def test_a_name_that_is_asked_for_again_is_answered_again() -> None:
    client = Client(board(resource(ENDPOINTS, "a")))
    client.ask(ENDPOINTS, "a")
    client.settle()

    client.ask(ENDPOINTS, "a")

    assert said(client.settle()) == ["eds +a"]


def test_all_that_is_asked_for_again_is_answered_again() -> None:
    client = Client(board(resource(CLUSTER, "a"), resource(CLUSTER, "b")))
    client.ask(CLUSTER, "*")
    client.settle()

    client.ask(CLUSTER, "*")

    assert said(client.settle()) == ["cds +a +b"]


def test_saying_all_where_all_was_meant_already_sends_nothing_again() -> None:
    client = Client(board(resource(CLUSTER, "a")))
    client.ask(CLUSTER)
    client.settle()

    client.ask(CLUSTER, "*", "on-demand")

    assert said(client.settle()) == ["cds -on-demand"]


def test_a_name_dropped_under_a_wildcard_is_told_whether_it_is_still_meant() -> None:
    client = Client(board(resource(CLUSTER, "a")))
    client.ask(CLUSTER, "*", "a", "gone")
    client.settle()

    client.ask(CLUSTER, drop=["a", "gone", "never asked for"])

    assert said(client.settle()) == ["cds +a -gone"]


def test_nothing_is_sent_for_a_name_that_was_dropped() -> None:
    world = board(resource(ENDPOINTS, "a"))
    client = Client(world)
    client.ask(ENDPOINTS, "a")
    client.settle()

    client.ask(ENDPOINTS, drop=["a"])
    put(world, resource(ENDPOINTS, "a"))
    take(world, ENDPOINTS, "a")

    assert client.settle() == []


def test_children_are_sent_without_waiting_for_the_acknowledgement_of_their_parents() -> None:
    world = board(resource(CLUSTER, "a"), resource(ENDPOINTS, "a"))
    client = Client(world)
    client.ask(CLUSTER)
    client.hear()

    client.ask(ENDPOINTS, "a")

    assert said(client.hear()) == ["eds +a"]


def test_endpoints_are_sent_again_after_their_cluster_changed() -> None:
    world = board(resource(CLUSTER, "a"), resource(ENDPOINTS, "a"), resource(ENDPOINTS, "b"))
    client = Client(world)
    client.ask(CLUSTER)
    client.ask(ENDPOINTS, "a", "b")
    client.settle()

    put(world, resource(CLUSTER, "a"))

    assert said(client.hear()) == ["cds +a", "eds +a"]


def test_endpoints_in_flight_are_sent_again_after_their_cluster_changed() -> None:
    world = board(resource(CLUSTER, "a"), resource(ENDPOINTS, "a"))
    client = Client(world)
    client.ask(CLUSTER)
    client.ask(ENDPOINTS, "a")
    client.settle()
    put(world, resource(ENDPOINTS, "a"))
    assert said(client.hear()) == ["eds +a"]

    put(world, resource(CLUSTER, "a"))

    assert said(client.hear()) == ["cds +a", "eds +a"]


def test_all_types_of_one_step_are_sent_in_the_order_of_the_table() -> None:
    world = board()
    client = Client(world)
    for type_url in (ROUTES, LISTENER, ENDPOINTS, CLUSTER, SECRET):
        client.ask(type_url, *(["a"] if type_url not in {LISTENER, CLUSTER} else []))
    client.settle()

    put(world, *(resource(type_url, "a") for type_url in (ROUTES, LISTENER, ENDPOINTS, CLUSTER, SECRET)))

    assert said(client.hear()) == ["sds +a", "cds +a", "eds +a", "rds +a", "lds +a"]


def test_removals_come_last_and_only_when_everything_offered_was_taken() -> None:
    world = board(resource(CLUSTER, "old"), resource(LISTENER, "old"), resource(ROUTES, "r"))
    client = Client(world)
    client.ask(CLUSTER)
    client.ask(LISTENER)
    client.ask(ROUTES, "r")
    client.settle()

    put(world, resource(CLUSTER, "new"), resource(ROUTES, "r"))
    take(world, CLUSTER, "old")
    take(world, LISTENER, "old")
    offered = client.hear()
    client.ack(offered[0])
    meanwhile = client.hear()
    client.ack(offered[1])

    assert said(offered) == ["cds +new", "rds +r"]
    assert meanwhile == []
    assert said(client.hear()) == ["lds -old", "cds -old"]


def test_nothing_is_removed_while_something_offered_is_refused() -> None:
    world = board(resource(CLUSTER, "old"), resource(ROUTES, "r"))
    client = Client(world)
    client.ask(CLUSTER)
    client.ask(ROUTES, "r")
    client.settle()

    put(world, resource(ROUTES, "r"))
    take(world, CLUSTER, "old")
    (offered,) = client.hear()
    client.nack(offered, "r: no")
    assert client.settle() == []
    put(world, resource(ROUTES, "r"))

    assert said(client.settle()) == ["rds +r", "cds -old"]


def test_removals_are_not_held_back_by_a_stream_of_changes() -> None:
    world = board(resource(CLUSTER, "old"), resource(CLUSTER, "busy"))
    client = Client(world)
    client.ask(CLUSTER)
    client.settle()
    put(world, resource(CLUSTER, "busy"))
    before = client.hear()
    take(world, CLUSTER, "old")
    put(world, resource(CLUSTER, "busy"))
    after = client.hear()

    client.ack(*before)

    assert said(after) == ["cds +busy"]
    assert said(client.hear()) == ["cds -old"]


def test_what_was_withdrawn_and_came_back_is_not_removed() -> None:
    world = board(resource(CLUSTER, "a"))
    client = Client(world)
    client.ask(CLUSTER)
    client.settle()

    take(world, CLUSTER, "a")
    put(world, resource(CLUSTER, "a"))

    assert said(client.settle()) == ["cds +a"]


def test_a_slow_stream_is_sent_only_the_last_of_many_changes() -> None:
    world = board(resource(ENDPOINTS, "a"))
    client = Client(world)
    client.ask(ENDPOINTS, "a")
    client.settle()

    for _ in range(100):
        put(world, resource(ENDPOINTS, "a"))
    last = resource(ENDPOINTS, "a")
    put(world, last)
    (response,) = client.hear()

    message = DeltaDiscoveryResponse.FromString(response.data)
    assert [(sent.version, sent.resource.value) for sent in message.resources] == [(last.version, last.body)]


def test_at_most_sixteen_responses_of_a_type_are_in_flight_and_then_changes_gather() -> None:
    world = board(resource(ENDPOINTS, "a"), resource(ENDPOINTS, "b"))
    client = Client(world)
    client.ask(ENDPOINTS, "a", "b")
    client.settle()
    sent = []
    for _ in range(20):
        put(world, resource(ENDPOINTS, "a"))
        sent += client.hear()
    put(world, resource(ENDPOINTS, "b"))
    assert len(sent) == 16
    assert client.hear() == []

    client.ack(sent[0])

    assert said(client.hear()) == ["eds +a +b"]


def test_a_full_window_of_one_type_does_not_hold_back_another() -> None:
    world = board(resource(CLUSTER, "a"), resource(ROUTES, "deny"))
    client = Client(world)
    client.ask(CLUSTER)
    client.ask(ROUTES, "deny")
    client.settle()
    for _ in range(20):
        put(world, resource(CLUSTER, "a"))
        client.hear()

    put(world, resource(ROUTES, "deny"))

    assert said(client.hear()) == ["rds +deny"]


def test_nothing_sent_mixes_two_steps_of_the_world() -> None:
    world = board(resource(CLUSTER, "a"), resource(ROUTES, "r"))
    client = Client(world)
    client.ask(CLUSTER)
    client.ask(ROUTES, "r")
    client.settle()

    put(world, resource(CLUSTER, "b"), resource(ROUTES, "r"))
    first = client.session.poll()
    put(world, resource(CLUSTER, "c"), resource(ROUTES, "r"))

    assert first is not None
    assert said([first, *client.hear()]) == ["cds +b", "cds +c", "rds +r"]


def test_a_nonce_is_never_used_twice_on_a_stream() -> None:
    world = board(resource(CLUSTER, "a"))
    client = Client(world)
    client.ask(CLUSTER, "*")
    heard = client.hear()

    for _ in range(3):
        client.ask(CLUSTER, "*")
        heard += client.hear()

    assert len({response.nonce for response in heard}) == 4


def test_a_gateway_never_sees_what_is_meant_for_another() -> None:
    world = board(resource(LISTENER, "in", scope="gw-1"), resource(LISTENER, "in", scope="gw-2"))
    one, other = Client(world, "gw-1"), Client(world, "gw-3")
    one.ask(LISTENER)
    other.ask(LISTENER, "*", "in")
    mine = one.settle()

    put(world, resource(LISTENER, "in", scope="gw-2"), resource(LISTENER, "new", scope="gw-2"))

    assert said(mine) == ["lds +in"]
    assert said(other.settle()) == ["lds -in"]
    assert one.settle() == []


def test_a_resource_of_ones_own_hides_the_common_one_of_its_name_until_it_goes() -> None:
    common, own = resource(LISTENER, "in"), resource(LISTENER, "in", scope="gw-1")
    world = board(common)
    client = Client(world)
    client.ask(LISTENER)
    client.settle()

    put(world, own)
    first = client.settle()
    put(world, resource(LISTENER, "in"))
    hidden = client.settle()
    take(world, LISTENER, "in", scope="gw-1")
    last = client.settle()

    assert [response.entries[0].version for response in first] == [own.version]
    assert hidden == []
    assert said(last) == ["lds +in"]
    assert client.delivery(LISTENER).acknowledged == client.delivery(LISTENER).wanted == 1
