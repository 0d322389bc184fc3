"""A configuration to be tried by Envoy without serving: everything that some units add, in one bootstrap.

Endpoints, secrets and routes that come over ADS are not looked at by Envoy then, so those that are to be
tried stand where it does look: routes and trust of partners inline in a listener, their secrets in clusters.
"""

from collections.abc import Iterable

from envoy.config.bootstrap.v3 import bootstrap_pb2
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import base_pb2, config_source_pb2, grpc_service_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2, tls_pb2

from control_plane.model.gateway import Gateway
from control_plane.model.identity import ObjectId, SpiffeId, TrustDomain
from control_plane.model.limit import DEFAULT
from control_plane.model.node import Endpoint
from control_plane.model.tuning import Tuning
from control_plane.model.xds import CLUSTER, LISTENER, LOCAL_CLUSTER, SECRET, XdsResource
from control_plane.translate import listeners, routes, secrets
from control_plane.translate.names import TRUST_INGRESS
from control_plane.translate.parts import packed, seconds, serialised
from control_plane.translate.unit import Translated

_CONTROL_PLANE = "control-plane"
_TLS = "envoy.transport_sockets.tls"
_FIRST_PORT = 1


def bootstrap(candidates: Iterable[Translated], tuning: Tuning, own: TrustDomain) -> bytes:
    """The serialised bootstrap; nothing in it is dialled, or listened on."""
    result = bootstrap_pb2.Bootstrap()
    result.node.id, result.node.cluster = "trial", own
    static = result.static_resources
    for name in (_CONTROL_PLANE, "admin", LOCAL_CLUSTER):  # every gateway has these
        static.clusters.append(_elsewhere(name))
    result.cluster_manager.local_cluster_name = LOCAL_CLUSTER
    result.dynamic_resources.ads_config.CopyFrom(_ads())
    ingress_hosts, egress_hosts, domains = [], [], []
    for candidate in candidates:
        ingress_hosts.append(candidate.virtual_host)
        egress_hosts.append(candidate.egress_host)
        domains.append(candidate.trust_domain)
        for resource in candidate.resources:
            _add(static, resource)
    trust = secret_pb2.Secret.FromString(secrets.ingress_secret(own, domains))
    static.secrets.append(trust)
    static.listeners.append(_ingress(routes.ingress(ingress_hosts), tuning, own))
    static.listeners.append(_egress(routes.egress(tuning, own) + b"".join(egress_hosts), tuning, own))
    for place, listener in enumerate(static.listeners):
        listener.name = f"{listener.name}/{place}"  # several gateways' may be tried at once
    return serialised(result)


def _add(static: bootstrap_pb2.Bootstrap.StaticResources, resource: XdsResource) -> None:
    if resource.type_url == CLUSTER and not (
        resource.scope and any(one.name == resource.name for one in static.clusters)  # another gateway's
    ):
        static.clusters.append(cluster_pb2.Cluster.FromString(resource.body))
    elif resource.type_url == LISTENER:
        static.listeners.append(listener_pb2.Listener.FromString(resource.body))
    elif resource.type_url == SECRET:
        static.secrets.append(secret_pb2.Secret.FromString(resource.body))
        static.clusters.append(_user_of(resource.name))


def _user_of(secret: str) -> cluster_pb2.Cluster:
    """A secret is only looked at where it is used."""
    context = tls_pb2.UpstreamTlsContext()
    context.common_tls_context.validation_context_sds_secret_config.name = secret
    socket = base_pb2.TransportSocket(name=_TLS, typed_config=packed(context))
    return cluster_pb2.Cluster(
        name=f"trial/{secret}",
        type=cluster_pb2.Cluster.STATIC,
        connect_timeout=seconds(1),
        transport_socket=socket,
    )


def _ingress(body: bytes, tuning: Tuning, own: TrustDomain) -> listener_pb2.Listener:
    listener = listener_pb2.Listener.FromString(listeners.ingress(_nowhere(own), tuning, limits=(DEFAULT,)))
    socket = listener.filter_chains[0].transport_socket
    context = tls_pb2.DownstreamTlsContext.FromString(socket.typed_config.value)
    context.common_tls_context.validation_context_sds_secret_config.ClearField("sds_config")
    assert context.common_tls_context.validation_context_sds_secret_config.name == TRUST_INGRESS  # noqa: S101 - listeners.py
    socket.typed_config.CopyFrom(packed(context))
    return _with_routes(listener, body)


def _egress(body: bytes, tuning: Tuning, own: TrustDomain) -> listener_pb2.Listener:
    listener = listener_pb2.Listener.FromString(listeners.egress(_nowhere(own), tuning))
    return _with_routes(listener, body)


def _with_routes(listener: listener_pb2.Listener, body: bytes) -> listener_pb2.Listener:
    part = listener.filter_chains[0].filters[0]
    manager = http_connection_manager_pb2.HttpConnectionManager.FromString(part.typed_config.value)
    manager.route_config.CopyFrom(route_pb2.RouteConfiguration.FromString(body))
    part.typed_config.CopyFrom(packed(manager))
    return listener


def _nowhere(own: TrustDomain) -> Gateway:
    identity = SpiffeId(f"spiffe://{own}/trial")
    return Gateway(
        ObjectId("trial"),
        identity,
        Endpoint("127.0.0.1", _FIRST_PORT),
        Endpoint("127.0.0.1", _FIRST_PORT + 1),
    )


def _elsewhere(name: str) -> cluster_pb2.Cluster:
    cluster = cluster_pb2.Cluster(name=name, type=cluster_pb2.Cluster.STATIC, connect_timeout=seconds(1))
    cluster.load_assignment.cluster_name = name
    return cluster


def _ads() -> config_source_pb2.ApiConfigSource:
    return config_source_pb2.ApiConfigSource(
        api_type=config_source_pb2.ApiConfigSource.DELTA_GRPC,
        transport_api_version=config_source_pb2.ApiVersion.V3,
        grpc_services=[
            grpc_service_pb2.GrpcService(
                envoy_grpc=grpc_service_pb2.GrpcService.EnvoyGrpc(cluster_name=_CONTROL_PLANE)
            )
        ],
    )
