"""What a resource refers to, read from its finished bytes rather than taken from the code that made them."""

from collections.abc import Iterator
from typing import NamedTuple

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.clusters.aggregate.v3 import cluster_pb2 as aggregate_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2

from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SECRET, XdsResource


class Reference(NamedTuple):
    """The identity of a resource; ``scope`` as in XdsResource. Only shared resources are referred to."""

    type_url: str
    name: str
    scope: str = ""


def of_resource(resource: XdsResource) -> Iterator[Reference]:
    """What ``resource`` needs from the control plane; files and inline values need nothing."""
    if resource.type_url == CLUSTER:
        yield from _of_cluster(cluster_pb2.Cluster.FromString(resource.body))
    elif resource.type_url == LISTENER:
        yield from _of_listener(listener_pb2.Listener.FromString(resource.body))
    elif resource.type_url == ROUTES:
        yield from of_virtual_hosts(resource.body)


def of_virtual_hosts(body: bytes) -> Iterator[Reference]:
    """The clusters that a route configuration, or a part of one, sends to by name."""
    for host in route_pb2.RouteConfiguration.FromString(body).virtual_hosts:
        for route in host.routes:
            if route.route.cluster:
                yield Reference(CLUSTER, route.route.cluster)


def _of_cluster(cluster: cluster_pb2.Cluster) -> Iterator[Reference]:
    if cluster.type == cluster_pb2.Cluster.EDS:
        yield Reference(ENDPOINTS, cluster.eds_cluster_config.service_name or cluster.name)
    parts = aggregate_pb2.ClusterConfig()
    if cluster.cluster_type.typed_config.Unpack(parts):
        for name in parts.clusters:
            yield Reference(CLUSTER, name)
    for match in cluster.transport_socket_matches:
        yield from _of_upstream(match.transport_socket)
    if cluster.HasField("transport_socket"):
        yield from _of_upstream(cluster.transport_socket)


def _of_upstream(socket: base_pb2.TransportSocket) -> Iterator[Reference]:
    yield from _of_context(
        tls_pb2.UpstreamTlsContext.FromString(socket.typed_config.value).common_tls_context
    )


def _of_context(context: tls_pb2.CommonTlsContext) -> Iterator[Reference]:
    secrets = [*context.tls_certificate_sds_secret_configs]
    if context.HasField("validation_context_sds_secret_config"):
        secrets.append(context.validation_context_sds_secret_config)
    for secret in secrets:
        if secret.sds_config.HasField("ads"):
            yield Reference(SECRET, secret.name)


def _of_listener(listener: listener_pb2.Listener) -> Iterator[Reference]:
    for chain in listener.filter_chains:
        if chain.HasField("transport_socket"):
            context = tls_pb2.DownstreamTlsContext.FromString(chain.transport_socket.typed_config.value)
            yield from _of_context(context.common_tls_context)
        for part in chain.filters:
            manager = http_connection_manager_pb2.HttpConnectionManager()
            if part.typed_config.Unpack(manager) and manager.HasField("rds"):
                yield Reference(ROUTES, manager.rds.route_config_name)
