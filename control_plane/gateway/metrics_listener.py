"""The one thing of Envoy's admin interface that others may read: its metrics (pure).

The admin interface itself stays on its unix socket. This listener has a single path, which nothing in the
request can lead elsewhere, and answers 404 to everything else.
"""

from typing import Any

from control_plane.model.node import Endpoint

PATH = "/metrics"
_TYPE = "type.googleapis.com/"
_ADMIN = "admin"
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "envoy.extensions.filters.http.router.v3.Router"
_STATISTICS = "/stats/prometheus?usedonly"
_MAX_CONNECTIONS = 32


def admin_cluster() -> dict[str, Any]:
    """Envoy's own admin socket, as a cluster."""
    endpoint = {"endpoint": {"address": {"pipe": {"path": "run/admin.sock"}}}}
    return {
        "name": _ADMIN,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": _ADMIN, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def metrics_listener(address: Endpoint) -> dict[str, Any]:
    """Answer ``GET /metrics`` at ``address``, also when no more connections of others are taken."""
    manager = {
        "@type": _TYPE + _MANAGER,
        "stat_prefix": "metrics",
        "route_config": {"virtual_hosts": [{"name": "metrics", "domains": ["*"], "routes": [_route()]}]},
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": _TYPE + _ROUTER}},
        ],
        "request_headers_timeout": "5s",
        "common_http_protocol_options": {"max_connection_duration": "600s"},
    }
    chain = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {
        "name": "metrics",
        "address": {"socket_address": {"address": address.host, "port_value": address.port}},
        "filter_chains": [{"filters": [chain]}],
        "ignore_global_conn_limit": True,
    }


def _route() -> dict[str, Any]:
    # The header as well as the path: a query would be handed on to the admin interface.
    exactly = [
        {"name": name, "string_match": {"exact": value}}
        for name, value in ((":method", "GET"), (":path", PATH))
    ]
    return {
        "match": {"path": PATH, "headers": exactly},
        "route": {"cluster": _ADMIN, "prefix_rewrite": _STATISTICS, "timeout": "10s"},
    }
