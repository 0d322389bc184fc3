"""The smallest configuration with which a real Envoy serves and writes our access log."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from google.protobuf.json_format import ParseDict

from control_plane.model.tuning import Tuning
from control_plane.translate import access_log
from control_plane.translate.names import EGRESS
from control_plane.translate.parts import packed, serialised


def cluster(port: int) -> bytes:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    value = {
        "name": "up",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "up",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    return serialised(ParseDict(value, cluster_pb2.Cluster()))


def listener(port: int) -> bytes:
    manager = ParseDict(
        {
            "stat_prefix": "egress",
            "route_config": {
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "up", "timeout": "5s"}}],
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
