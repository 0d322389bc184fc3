"""Routes. The egress has one set for all resources; the ingress one virtual host per resource of ours."""

from functools import lru_cache

from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.retry.host.previous_hosts.v3 import previous_hosts_pb2
from envoy.extensions.retry.priority.previous_priorities.v3 import previous_priorities_config_pb2
from envoy.type.matcher.v3 import regex_pb2, string_pb2
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from control_plane.model.federation import Export
from control_plane.model.resource import Resource, ResourceKind
from control_plane.model.tuning import Tuning
from control_plane.translate import mcp, rate_limits
from control_plane.translate.names import (
    CLUSTER_HEADER,
    EGRESS,
    INGRESS,
    MCP_FILTER,
    OURS,
    RESOURCE_HEADER,
    SERIAL_HEADER,
    import_cluster,
    local_cluster,
)
from control_plane.translate.parts import metadata, packed, seconds, serialised
from control_plane.translate.rbac import PER_ROUTE, allowing
from control_plane.translate.wire import delimited

# What a failed attempt must look like to be repeated. An idempotent method may be repeated even when the
# first attempt was carried out (RFC 9110, 9.2.2); any other only when it cannot have reached the service.
_IDEMPOTENT = "connect-failure,refused-stream,reset,gateway-error"
_UNTOUCHED = "connect-failure,refused-stream,reset-before-request"
_IDEMPOTENT_METHODS = "GET|HEAD|OPTIONS|TRACE|PUT|DELETE"

# Removed on the way out: which machine of ours called is nobody's business, and the header of ours even less.
_PRIVATE = (
    CLUSTER_HEADER,
    RESOURCE_HEADER,
    "x-forwarded-for",
    "x-forwarded-host",
    "x-envoy-external-address",
)
# Removed on the way in: what we wrote for our own rules; and what makes services that honour it do something
# else than was authorized.
_OVERRIDES = (
    SERIAL_HEADER,
    CLUSTER_HEADER,
    RESOURCE_HEADER,
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
)

# What our own services must not get from our own applications either, where no ingress removes it.
_OF_INGRESS = tuple(name for name in _OVERRIDES if name not in _PRIVATE)

BUDGET_PATH = "/.well-known/proxenia-budget"

VIRTUAL_HOSTS = 2  # RouteConfiguration.virtual_hosts; a test holds it against the descriptor

_Match = route_components_pb2.RouteMatch
_Route = route_components_pb2.Route


def egress(tuning: Tuning, own: str) -> bytes:
    """Any host: the listener made the cluster's name of it, and a name that does not exist is a 404.

    Hosts of ours stand apart, whichever there are: no ingress of a partner is behind them.
    """
    anybody = _egress_host(EGRESS, ["*"], tuning.request_timeout, tuning)
    ours = _egress_host(OURS, [f"*.{own}"], tuning.request_timeout, tuning)
    ours.request_headers_to_remove.extend(_OF_INGRESS)
    return serialised(route_pb2.RouteConfiguration(name=EGRESS, virtual_hosts=[anybody, ours]))


def egress_host(resource: Resource, tuning: Tuning, own: str) -> bytes:
    """The virtual host of a resource that has its own time-out; nothing for all others."""
    if not resource.timeout_seconds:
        return b""
    name = import_cluster(resource)
    host = _egress_host(name, [resource.host], resource.timeout_seconds, tuning)
    if resource.organisation == own:
        host.request_headers_to_remove.extend(_OF_INGRESS)
    return delimited(VIRTUAL_HOSTS, serialised(host))


def _egress_host(
    name: str, domains: list[str], whole: float, tuning: Tuning
) -> route_components_pb2.VirtualHost:
    careful, repeating = _retries(_UNTOUCHED, tuning), _retries(_IDEMPOTENT, tuning)
    endless = 0.0
    routes = [
        _outward("grpc", _Match(prefix="/", grpc=_Match.GrpcRouteMatchOptions()), endless, careful),
        _outward("events", _Match(prefix="/", headers=[_ACCEPTS_EVENTS]), endless, careful),
        _outward("idempotent", _Match(prefix="/", headers=[_IS_IDEMPOTENT]), whole, repeating),
        _outward("other", _Match(prefix="/"), whole, careful),
    ]
    host = route_components_pb2.VirtualHost(name=name, domains=domains, routes=routes)
    host.request_headers_to_remove.extend(_PRIVATE)
    return host


def _outward(
    name: str, match: _Match, timeout: float, retries: route_components_pb2.RetryPolicy
) -> route_components_pb2.Route:
    action = route_components_pb2.RouteAction(
        cluster_header=CLUSTER_HEADER,
        cluster_not_found_response_code=route_components_pb2.RouteAction.NOT_FOUND,
        timeout=seconds(timeout),
        retry_policy=retries,
        # Each organisation of a group knows the resource by a name of its own, which the endpoint says.
        auto_host_rewrite=BoolValue(value=True),
    )
    return _Route(name=name, match=match, route=action)


def ingress_host(export: Export, own: str, tuning: Tuning) -> bytes:
    """The virtual host of one resource of ours; whoever ``export`` does not list is denied.

    The rule is on the virtual host, above all its routes. Without anybody to allow there is none, and the
    filter's own answer holds, which denies everything. An empty rule would switch the filter off.
    """
    resource = export.resource
    host = route_components_pb2.VirtualHost(
        name=f"export/{resource.name}",
        domains=[f"{resource.name}.{own}"],
        routes=[
            _budget(export),
            *(_inward(export, match, timeout) for match, timeout in _timeouts(export, tuning)),
        ],
        # Repeating idempotent requests end to end is the calling gateway's part; here only what went nowhere.
        retry_policy=_retries(_UNTOUCHED, tuning),
    )
    if export.allowed or export.shadow:
        rule = host.typed_per_filter_config[PER_ROUTE]
        rule.CopyFrom(allowing(export.allowed, dict(export.revoked), shadow=export.shadow))
    if resource.kind is ResourceKind.MCP:
        host.typed_per_filter_config[MCP_FILTER].CopyFrom(mcp.switched_on())
    return delimited(VIRTUAL_HOSTS, serialised(host))


def _budget(export: Export) -> route_components_pb2.Route:
    """What a caller has left, in the headers of an answer that we make ourselves; asking costs one request.

    Everybody may ask who can shake hands: it is about the caller alone.
    """
    route = _Route(name="budget", match=_Match(path=BUDGET_PATH))
    route.direct_response.status = 200
    route.direct_response.body.inline_string = "see the x-ratelimit headers\n"
    rate_limits.of_peers(route.metadata, export.limits)
    for name in (PER_ROUTE, MCP_FILTER):
        route.typed_per_filter_config[name].CopyFrom(packed(route_components_pb2.FilterConfig(disabled=True)))
    return route


def _timeouts(export: Export, tuning: Tuning) -> list[tuple[_Match, float]]:
    """Streams have no end that could be timed; their silence is (``stream_idle_timeout``)."""
    if export.resource.kind is ResourceKind.GRPC:
        return [(_Match(prefix="/"), 0.0)]
    return [
        (_Match(prefix="/", headers=[_ACCEPTS_EVENTS]), 0.0),
        (_Match(prefix="/"), export.resource.timeout_seconds or tuning.request_timeout),
    ]


def _inward(export: Export, match: _Match, timeout: float) -> route_components_pb2.Route:
    action = route_components_pb2.RouteAction(
        cluster=local_cluster(export.resource),
        timeout=seconds(timeout),
    )
    if export.resource.kind is ResourceKind.MCP:  # nobody reads what crosses a WebSocket
        action.upgrade_configs.add(upgrade_type="websocket", enabled=BoolValue(value=False))
    facts = metadata(resource=export.resource.key)
    rate_limits.of_peers(facts, export.limits)
    return _Route(name=f"resource/{export.resource.name}", match=match, route=action, metadata=facts)


def ingress(virtual_hosts: list[bytes]) -> bytes:
    """All of ``ingress_host`` in one route configuration; a host that is in none of them is denied."""
    head = route_pb2.RouteConfiguration(name=INGRESS, request_headers_to_remove=_OVERRIDES)
    return serialised(head) + b"".join(virtual_hosts)


_ACCEPTS_EVENTS = route_components_pb2.HeaderMatcher(
    name="accept", string_match=string_pb2.StringMatcher(contains="text/event-stream", ignore_case=True)
)
_IS_IDEMPOTENT = route_components_pb2.HeaderMatcher(
    name=":method",
    string_match=string_pb2.StringMatcher(safe_regex=regex_pb2.RegexMatcher(regex=_IDEMPOTENT_METHODS)),
)


@lru_cache(maxsize=16)
def _retries(conditions: str, tuning: Tuning) -> route_components_pb2.RetryPolicy:
    """Another node each time, and the next priority when this one has no other."""
    policy = route_components_pb2.RetryPolicy
    return policy(
        retry_on=conditions,
        num_retries=UInt32Value(value=tuning.retries),
        retry_host_predicate=[
            policy.RetryHostPredicate(
                name="envoy.retry_host_predicates.previous_hosts",
                typed_config=packed(previous_hosts_pb2.PreviousHostsPredicate()),
            )
        ],
        host_selection_retry_max_attempts=5,
        retry_priority=policy.RetryPriority(
            name="envoy.retry_priorities.previous_priorities",
            typed_config=packed(previous_priorities_config_pb2.PreviousPrioritiesConfig(update_frequency=1)),
        ),
    )
