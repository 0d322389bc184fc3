"""Cluster load assignments: where a resource is served now. The most frequent change there is."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from envoy.config.core.v3 import address_pb2, base_pb2, health_check_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2

from control_plane.model.federation import Condition, Target
from control_plane.model.identity import ObjectId, TrustDomain
from control_plane.model.node import MAX_PORT, Endpoint
from control_plane.model.resource import Resource
from control_plane.model.tuning import Tuning
from control_plane.model.xds import LOCAL_CLUSTER
from control_plane.translate.clusters import MATCH_KEY
from control_plane.translate.names import NAMESPACE
from control_plane.translate.parts import metadata, serialised
from control_plane.translate.wire import delimited, number

_TRANSPORT_SOCKET_MATCH = "envoy.transport_socket_match"

# Field numbers of envoy.config.endpoint.v3; a test holds them against the descriptors.
CLUSTER_NAME, LOCALITIES = 1, 2  # ClusterLoadAssignment
LB_ENDPOINTS, PRIORITY = 2, 5  # LocalityLbEndpoints
METADATA, HEALTH_STATUS = 3, 2  # LbEndpoint
LOCALITY, SUB_ZONE = 1, 3  # LocalityLbEndpoints, Locality

MAX_LEVELS = 128  # priorities that Envoy knows; what is further behind shares the last one

_STATUS = {Condition.DRAINING: health_check_pb2.DRAINING, Condition.OPEN: health_check_pb2.UNHEALTHY}


def of_gateways(number: int) -> bytes:
    """As many members as there are gateways; their addresses mean nothing, since nothing is sent there."""
    members = (Endpoint("127.0.0.1", port) for port in range(1, min(number, MAX_PORT) + 1))
    return _assignment(LOCAL_CLUSTER, ((_Place(0, 0, 0), 0, _address(each)) for each in members))


class _Place(NamedTuple):
    """Where an endpoint stands: first come lower ranks, then what is in our zone, then its own priority."""

    rank: int
    far: int
    priority: int


def of_targets(cluster: str, targets: Iterable[Target], tuning: Tuning) -> bytes:
    """The assignment of a partner's resource; whose an endpoint is chooses its TLS context."""
    return _assignment(
        cluster,
        (
            (
                _Place(target.rank, int(tuning.zone not in {"", target.zone}), target.endpoint.priority),
                target.resets,
                _address(target.endpoint, target.host)
                + _identity(target.node_id, target.organisation)
                + _status(target.condition),
            )
            for target in targets
        ),
    )


def _status(condition: Condition) -> bytes:
    """A draining node finishes what runs; to one whose circuit is open nothing is sent either."""
    status = _STATUS.get(condition)
    return number(HEALTH_STATUS, status) if status else b""


def of_upstreams(cluster: str, upstreams: Iterable[Endpoint]) -> bytes:
    """The assignment of a service behind our ingress."""
    return _assignment(cluster, ((_Place(0, 0, each.priority), 0, _address(each)) for each in upstreams))


def of_own(cluster: str, resource: Resource) -> bytes:
    """The same for our own applications: the service hears the host that it hears from the ingress.

    The endpoints say whose they are, so that the audit tells them from partners' nodes.
    """
    ours = delimited(METADATA, serialised(metadata(node=resource.organisation)))
    return _assignment(
        cluster,
        (
            (_Place(0, 0, each.priority), 0, _address(each, resource.host) + ours)
            for each in resource.upstreams
        ),
    )


def _assignment(cluster: str, endpoints: Iterable[tuple[_Place, int, bytes]]) -> bytes:
    by_place: dict[_Place, dict[int, list[bytes]]] = {}
    for place, resets, endpoint in endpoints:
        by_place.setdefault(place, {}).setdefault(resets, []).append(delimited(LB_ENDPOINTS, endpoint))
    body = delimited(CLUSTER_NAME, cluster.encode())
    # Envoy wants priorities from 0 without a gap; only their order means something.
    for order, place in enumerate(sorted(by_place)):
        level = min(order, MAX_LEVELS - 1)
        for resets, bodies in sorted(by_place[place].items()):
            locality = _after_reset(resets) + b"".join(bodies) + (number(PRIORITY, level) if level else b"")
            body += delimited(LOCALITIES, locality)
    return body


def _after_reset(resets: int) -> bytes:
    """Another locality makes another host of the same address, whose failures nobody has counted yet."""
    return delimited(LOCALITY, delimited(SUB_ZONE, f"reset-{resets}".encode())) if resets else b""


def _address(endpoint: Endpoint, host: str = "") -> bytes:
    message = endpoint_components_pb2.LbEndpoint(
        endpoint=endpoint_components_pb2.Endpoint(
            hostname=host,
            address=address_pb2.Address(
                socket_address=address_pb2.SocketAddress(address=endpoint.host, port_value=endpoint.port)
            ),
        )
    )
    message.load_balancing_weight.value = endpoint.weight
    return serialised(message)


@lru_cache(maxsize=65_536)
def _identity(node_id: ObjectId, organisation: TrustDomain) -> bytes:
    facts = base_pb2.Metadata()
    facts.filter_metadata[_TRANSPORT_SOCKET_MATCH].fields[MATCH_KEY].string_value = organisation
    facts.filter_metadata[NAMESPACE].fields["node"].string_value = f"{node_id}@{organisation}"
    return delimited(METADATA, serialised(facts))
