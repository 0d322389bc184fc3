"""The smallest configuration with which a real Envoy serves and writes our access log."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from google.protobuf.json_format import ParseDict

from control_plane.model.tuning import Tuning
from control_plane.translate import access_log
from control_plane.translate.names import EGRESS
from control_plane.translate.parts import packed, serialised

CLUSTER_NAME = "to/orders.bremen.example"


def cluster(port: int) -> bytes:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    value = {
        "name": CLUSTER_NAME,
        "type": "STATIC",
        "outlier_detection": {
            "consecutive_5xx": 5,
            "interval": "0.2s",
            "base_ejection_time": "0.5s",
            "max_ejection_percent": 100,
            "enforcing_success_rate": 0,
        },
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"},
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": CLUSTER_NAME,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    return serialised(ParseDict(value, cluster_pb2.Cluster()))


def tls_listener(port: int) -> bytes:
    """Mutual TLS with what the agent keeps in files; nothing behind it, for only handshakes matter here."""

    def secret(name: str) -> dict[str, object]:
        source = {"path": f"sds/{name}.json", "watched_directory": {"path": "sds"}}
        return {"name": name, "sds_config": {"path_config_source": source, "resource_api_version": "V3"}}

    context = ParseDict(
        {
            "require_client_certificate": True,
            "common_tls_context": {
                "tls_certificate_sds_secret_configs": [secret("own")],
                "validation_context_sds_secret_config": secret("control-plane"),
            },
        },
        tls_pb2.DownstreamTlsContext(),
    )
    result = listener_pb2.Listener(name="ingress", access_log=[access_log.handshakes(Tuning())])
    result.address.socket_address.address = "127.0.0.1"
    result.address.socket_address.port_value = port
    chain = result.filter_chains.add()
    chain.transport_socket.name = "envoy.transport_sockets.tls"
    chain.transport_socket.typed_config.CopyFrom(packed(context))
    manager = http_connection_manager_pb2.HttpConnectionManager(stat_prefix="ingress")
    manager.route_config.SetInParent()
    manager.http_filters.add(name="envoy.filters.http.router").typed_config.CopyFrom(
        packed(router_pb2.Router())
    )
    found = chain.filters.add(name="envoy.filters.network.http_connection_manager")
    found.typed_config.CopyFrom(packed(manager))
    return serialised(result)


def listener(port: int) -> bytes:
    manager = ParseDict(
        {
            "stat_prefix": "egress",
            "route_config": {
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [
                            {"match": {"prefix": "/"}, "route": {"cluster": CLUSTER_NAME, "timeout": "5s"}}
                        ],
                    }
                ]
            },
            "use_remote_address": True,
        },
        http_connection_manager_pb2.HttpConnectionManager(),
    )
    manager.http_filters.add(name="envoy.filters.http.router").typed_config.CopyFrom(
        packed(router_pb2.Router())
    )
    manager.access_log.append(access_log.requests(EGRESS, Tuning()))
    result = listener_pb2.Listener(name="egress")
    result.address.socket_address.address = "127.0.0.1"
    result.address.socket_address.port_value = port
    found = result.filter_chains.add().filters.add(name="envoy.filters.network.http_connection_manager")
    found.typed_config.CopyFrom(packed(manager))
    return serialised(result)
