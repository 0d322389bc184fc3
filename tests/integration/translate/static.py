"""The published resources as one static bootstrap, so that Envoy can be tried without a control plane.

References over ADS become static ones: endpoints and routes inline, secrets by name. Everything else is as
sent.
"""

from collections.abc import Iterable

from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2, tls_pb2
from google.protobuf import json_format

from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, LOCAL_CLUSTER, ROUTES, SECRET, XdsResource
from control_plane.translate.names import METRICS


def bootstrap(resources: Iterable[XdsResource], *, admin: str = "", free_ports: bool = False) -> str:
    """As JSON. ``admin`` is the path of its unix socket; with ``free_ports`` listeners choose theirs."""
    bodies: dict[str, dict[str, bytes]] = {}
    for resource in resources:
        bodies.setdefault(resource.type_url, {})[resource.name] = resource.body
    result = bootstrap_pb2.Bootstrap()
    result.node.id, result.node.cluster = "gw-1", "test"  # file SDS asks for them
    static = result.static_resources
    for name, body in bodies.get(CLUSTER, {}).items():
        if name not in bodies[ENDPOINTS]:  # it has its endpoint with it (traces), or is made of others
            static.clusters.append(cluster_pb2.Cluster.FromString(body))
            continue
        static.clusters.append(_cluster(body, bodies[ENDPOINTS][name]))
    for name, body in bodies.get(LISTENER, {}).items():
        if name == METRICS:  # it leads to Envoy's own admin interface, a cluster of the agent's bootstrap
            continue
        listener = _listener(body, bodies[ROUTES])
        if free_ports:
            listener.address.socket_address.port_value = 0
            listener.address.socket_address.address = "127.0.0.1"
        static.listeners.append(listener)
    for body in bodies.get(SECRET, {}).values():
        static.secrets.append(secret_pb2.Secret.FromString(body))
    # The listener's limits are shared by our gateways: this is the only one.
    alone = static.clusters.add(name=LOCAL_CLUSTER, type=cluster_pb2.Cluster.STATIC)
    alone.load_assignment.ParseFromString(bodies[ENDPOINTS][LOCAL_CLUSTER])
    result.cluster_manager.local_cluster_name = LOCAL_CLUSTER
    if admin:
        result.admin.address.pipe.path = admin
    return json_format.MessageToJson(result)


def _cluster(body: bytes, endpoints: bytes) -> cluster_pb2.Cluster:
    cluster = cluster_pb2.Cluster.FromString(body)
    cluster.type = cluster_pb2.Cluster.STATIC
    cluster.ClearField("eds_cluster_config")
    cluster.load_assignment.CopyFrom(endpoint_pb2.ClusterLoadAssignment.FromString(endpoints))
    for match in cluster.transport_socket_matches:
        _secret_by_name(match.transport_socket, tls_pb2.UpstreamTlsContext())
    return cluster


def _listener(body: bytes, routes: dict[str, bytes]) -> listener_pb2.Listener:
    listener = listener_pb2.Listener.FromString(body)
    for chain in listener.filter_chains:
        if chain.HasField("transport_socket"):
            _secret_by_name(chain.transport_socket, tls_pb2.DownstreamTlsContext())
        manager = http_connection_manager_pb2.HttpConnectionManager()
        chain.filters[0].typed_config.Unpack(manager)
        route = routes[manager.rds.route_config_name]
        manager.route_config.CopyFrom(route_pb2.RouteConfiguration.FromString(route))
        chain.filters[0].typed_config.Pack(manager)
    return listener


def _secret_by_name(
    socket: base_pb2.TransportSocket, context: tls_pb2.UpstreamTlsContext | tls_pb2.DownstreamTlsContext
) -> None:
    socket.typed_config.Unpack(context)
    common = context.common_tls_context
    if common.HasField("validation_context_sds_secret_config"):
        common.validation_context_sds_secret_config.ClearField("sds_config")
    socket.typed_config.Pack(context)


def with_bare_listener(text: str) -> str:
    """The same bootstrap with one more listener: one route to ``orders``, and no filter but the router."""
    whole = json_format.Parse(text, bootstrap_pb2.Bootstrap())
    listener = whole.static_resources.listeners.add(name="bare")
    listener.address.socket_address.address = "127.0.0.1"
    listener.address.socket_address.port_value = 0
    manager = http_connection_manager_pb2.HttpConnectionManager(stat_prefix="bare")
    host = manager.route_config.virtual_hosts.add(name="bare", domains=["*"])
    route = host.routes.add()
    route.match.prefix = "/"
    route.route.cluster = "to/orders.server.example"
    router = manager.http_filters.add(name="envoy.filters.http.router")
    router.typed_config.Pack(router_pb2.Router())
    filters = listener.filter_chains.add().filters.add(name="envoy.filters.network.http_connection_manager")
    filters.typed_config.Pack(manager)
    return json_format.MessageToJson(whole)
