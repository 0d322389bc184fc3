"""A third listener, for Prometheus: the one thing of Envoy's admin interface that others may read.

The admin interface itself stays on its unix socket, which the bootstrap has as a cluster. This listener has
a single path, which nothing in the request can lead elsewhere, and answers 404 to everything else. It comes
over xDS and not with the bootstrap: where its port is taken, it is refused, and the gateway runs all the
same.
"""

from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.type.matcher.v3 import string_pb2

from control_plane.model.tuning import Tuning
from control_plane.translate.names import ADMIN_CLUSTER, METRICS
from control_plane.translate.parts import packed, seconds

PATH = "/metrics"
_STATISTICS = "/stats/prometheus?usedonly"
_TIMEOUT = 10.0  # seconds for the metrics of thousands of clusters

Manager = http_connection_manager_pb2.HttpConnectionManager


def metrics_manager(tuning: Tuning) -> Manager:
    """``GET /metrics``, and nothing else."""
    manager = Manager(stat_prefix=METRICS)
    manager.route_config.CopyFrom(
        route_pb2.RouteConfiguration(
            name=METRICS,
            virtual_hosts=[route_components_pb2.VirtualHost(name=METRICS, domains=["*"], routes=[_route()])],
        )
    )
    manager.http_filters.add(name="envoy.filters.http.router").typed_config.CopyFrom(
        packed(router_pb2.Router())
    )
    manager.request_headers_timeout.CopyFrom(seconds(tuning.request_headers_timeout))
    manager.common_http_protocol_options.max_connection_duration.CopyFrom(
        seconds(tuning.max_connection_duration)
    )
    return manager


def _route() -> route_components_pb2.Route:
    match = route_components_pb2.RouteMatch(path=PATH)
    # The header as well as the path: a query would be handed on to the admin interface.
    for name, value in ((":method", "GET"), (":path", PATH)):
        match.headers.append(
            route_components_pb2.HeaderMatcher(name=name, string_match=string_pb2.StringMatcher(exact=value))
        )
    action = route_components_pb2.RouteAction(
        cluster=ADMIN_CLUSTER, prefix_rewrite=_STATISTICS, timeout=seconds(_TIMEOUT)
    )
    return route_components_pb2.Route(match=match, route=action)
