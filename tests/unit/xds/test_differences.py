"""How far each resource got: waiting, in flight, refused, acknowledged."""

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener

from control_plane.model.delivery import Progress
from control_plane.model.xds import CLUSTER, LISTENER, XdsResource
from tests.unit.xds.ads import Client, board, put, resource, take


def progress(client: Client) -> dict[str, Progress]:
    return {each.name: each.progress for each in client.session.differences()}


def test_each_resource_is_told_with_the_wanted_version_and_how_far_it_got() -> None:
    listener = Listener(name="l", filter_chains=[FilterChain(name="partners@4")]).SerializeToString()
    world = board(resource(CLUSTER, "a"), resource(CLUSTER, "b"), XdsResource.of(LISTENER, "l", listener))
    client = Client(world)
    client.ask(CLUSTER)
    client.ask(LISTENER)
    before = progress(client)
    clusters, listeners = client.hear()

    on_its_way = progress(client)
    client.nack(clusters, "Error adding/updating cluster(s) b: bad")
    client.ack(listeners)
    client.settle()
    put(world, resource(CLUSTER, "a", "2"))
    changed = {each.name: each for each in client.session.differences()}

    assert set(before.values()) == {Progress.WAITING}
    assert set(on_its_way.values()) == {Progress.IN_FLIGHT}
    assert changed["a"].progress is Progress.WAITING
    assert changed["a"].version == resource(CLUSTER, "a", "2").version
    assert changed["b"].progress is Progress.REFUSED
    assert changed["b"].detail.endswith("bad")
    assert changed["l"].progress is Progress.ACKNOWLEDGED
    assert changed["l"].chains == ("partners@4",)


def test_what_is_gone_or_was_not_asked_for_is_not_told() -> None:
    world = board(resource(CLUSTER, "a"), resource(CLUSTER, "b"), resource(LISTENER, "l"))
    client = Client(world)
    client.ask(CLUSTER)
    client.settle()

    take(world, CLUSTER, "b")

    assert progress(client) == {"a": Progress.ACKNOWLEDGED}
