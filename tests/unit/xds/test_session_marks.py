"""More marks of a session that keeps to the protocol: what Envoy applied and never acknowledged."""

from control_plane.model.xds import CLUSTER
from tests.unit.xds.ads import Client, board, put, resource, said, take


def test_what_was_applied_from_a_refused_response_is_taken_back_although_nothing_was_acknowledged() -> None:
    world = board(resource(CLUSTER, "good"), resource(CLUSTER, "bad"))
    before = Client(world)
    before.ask(CLUSTER)
    before.nack(before.hear()[0], "Error adding/updating cluster(s) bad: unknown filter")
    take(world, CLUSTER, "good")
    put(world, resource(CLUSTER, "bad"))

    after = Client(world)
    after.ask(CLUSTER)  # with no versions at all: it applied ``good``, and does not list it

    assert said(after.settle()) == ["cds +bad", "cds -good"]


def test_what_was_applied_from_a_refused_response_and_is_back_is_not_taken_back() -> None:
    good = resource(CLUSTER, "good")
    world = board(good)
    take(world, CLUSTER, "good")
    put(world, good)

    client = Client(world)
    client.ask(CLUSTER)

    assert said(client.settle()) == ["cds +good"]
