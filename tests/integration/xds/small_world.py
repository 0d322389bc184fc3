"""Small resources for a real Envoy: a listener, its routes, and clusters with their endpoints."""

import json
from pathlib import Path
from typing import Any

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from control_plane.model.xds import CLUSTER, ENDPOINTS, LISTENER, ROUTES, XdsResource

GATEWAY = "gw-1"
_ADS = {"ads": {}, "resource_api_version": "V3"}
_TYPE = "type.googleapis.com/envoy.extensions.filters."
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_IN_POOL = (router_pb2.Router, http_connection_manager_pb2.HttpConnectionManager)  # for ParseDict's "@type"


def cluster(name: str, timeout: str = "1s", **more: object) -> XdsResource:
    """A cluster that takes its endpoints over ADS."""
    value = {
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": _ADS},
        "connect_timeout": timeout,
        **more,
    }
    return _made(CLUSTER, name, ParseDict(value, Cluster()))


def endpoints(name: str, port: int) -> XdsResource:
    """One endpoint on loopback."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    value = {
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
    }
    return _made(ENDPOINTS, name, ParseDict(value, ClusterLoadAssignment()))


def listener(name: str = "in", **more: object) -> XdsResource:
    """Plain HTTP on a free port, routes over ADS."""
    manager = {
        "@type": _TYPE + "network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "rds": {"route_config_name": "main", "config_source": _ADS},
        "http_filters": [{"name": "router", "typed_config": {"@type": _TYPE + "http.router.v3.Router"}}],
    }
    value = {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        **more,
    }
    return _made(LISTENER, name, ParseDict(value, Listener()), scope=GATEWAY)


def routes(*clusters: str) -> XdsResource:
    """``/<cluster>`` leads to the cluster."""
    table = [{"match": {"prefix": f"/{each}"}, "route": {"cluster": each}} for each in clusters]
    value = {"name": "main", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": table}]}
    return _made(ROUTES, "main", ParseDict(value, RouteConfiguration()))


def bootstrap(socket: Path) -> str:
    """An Envoy that gets everything from the server at ``socket``."""
    source = {**_ADS, "initial_fetch_timeout": "5s"}
    backoff = {"retry_back_off": {"base_interval": "0.1s", "max_interval": "0.3s"}}
    value: dict[str, Any] = {
        "node": {"id": GATEWAY, "cluster": "luebeck.example"},
        "admin": {"address": {"pipe": {"path": "admin.sock"}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds", "retry_policy": backoff}}],
            },
            "cds_config": source,
            "lds_config": source,
        },
        "static_resources": {"clusters": [_server(socket)]},
    }
    return json.dumps(value)


def _server(socket: Path) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(socket)}}}}
    options = {
        "@type": "type.googleapis.com/" + _HTTP_OPTIONS,
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    return {
        "name": "xds",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {_HTTP_OPTIONS: options},
        "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _made(type_url: str, name: str, message: Message, scope: str = "") -> XdsResource:
    return XdsResource.of(type_url, name, message.SerializeToString(deterministic=True), scope=scope)
