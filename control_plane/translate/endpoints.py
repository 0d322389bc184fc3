"""Cluster load assignments: where a resource is served now. The most frequent change there is."""

from collections.abc import Iterable
from functools import lru_cache

from envoy.config.core.v3 import address_pb2, base_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2

from control_plane.model.federation import Target
from control_plane.model.identity import ObjectId, TrustDomain
from control_plane.model.node import Endpoint
from control_plane.translate.clusters import MATCH_KEY
from control_plane.translate.names import NAMESPACE
from control_plane.translate.parts import serialised
from control_plane.translate.wire import delimited, number

_TRANSPORT_SOCKET_MATCH = "envoy.transport_socket_match"

# Field numbers of envoy.config.endpoint.v3; a test holds them against the descriptors.
CLUSTER_NAME, LOCALITIES = 1, 2  # ClusterLoadAssignment
LB_ENDPOINTS, PRIORITY = 2, 5  # LocalityLbEndpoints
METADATA = 3  # LbEndpoint


def of_targets(cluster: str, targets: Iterable[Target]) -> bytes:
    """The assignment of a partner's resource; whose an endpoint is chooses its TLS context."""
    return _assignment(
        cluster,
        (
            (
                target.endpoint.priority,
                _address(target.endpoint) + _identity(target.node_id, target.organisation),
            )
            for target in targets
        ),
    )


def of_upstreams(cluster: str, upstreams: Iterable[Endpoint]) -> bytes:
    """The assignment of a service behind our ingress."""
    return _assignment(cluster, ((upstream.priority, _address(upstream)) for upstream in upstreams))


def _assignment(cluster: str, endpoints: Iterable[tuple[int, bytes]]) -> bytes:
    by_priority: dict[int, list[bytes]] = {}
    for priority, endpoint in endpoints:
        by_priority.setdefault(priority, []).append(delimited(LB_ENDPOINTS, endpoint))
    body = delimited(CLUSTER_NAME, cluster.encode())
    # Envoy wants priorities from 0 without a gap; only their order means something.
    for level, priority in enumerate(sorted(by_priority)):
        locality = b"".join(by_priority[priority]) + (number(PRIORITY, level) if level else b"")
        body += delimited(LOCALITIES, locality)
    return body


def _address(endpoint: Endpoint) -> bytes:
    message = endpoint_components_pb2.LbEndpoint(
        endpoint=endpoint_components_pb2.Endpoint(
            address=address_pb2.Address(
                socket_address=address_pb2.SocketAddress(address=endpoint.host, port_value=endpoint.port)
            )
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
