"""Active checks between gateways: over the connection that requests take, answered by the ingress itself.

Whoever can shake hands may ask; nothing is routed or counted, and it is no request of anybody, so it is
in no audit. A gateway that drains answers 503, and is spared by those who check it.
"""

from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.config.core.v3 import extension_pb2, health_check_pb2
from envoy.config.route.v3 import route_components_pb2
from envoy.extensions.filters.http.health_check.v3 import health_check_pb2 as health_filter_pb2
from envoy.extensions.health_check.event_sinks.file.v3 import file_pb2
from envoy.type.matcher.v3 import string_pb2
from envoy.type.v3 import http_pb2, range_pb2
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from control_plane.model.tuning import Tuning
from control_plane.translate.parts import packed, seconds

FILTER = "envoy.filters.http.health_check"
PATH = "/.well-known/proxenia-health"

_SINK = "envoy.health_check.event_sinks.file"
_HOST = "gateway"
_TIMES = 2  # checks that must fail before a node is spared
_OK, _BROKEN = 200, 500  # an answer from the first and below the second proves that the gateway is there


def answering() -> health_filter_pb2.HealthCheck:
    """The ingress's part; it stands before authorisation."""
    path = string_pb2.StringMatcher(exact=PATH)
    return health_filter_pb2.HealthCheck(
        pass_through_mode=BoolValue(value=False),
        headers=[route_components_pb2.HeaderMatcher(name=":path", string_match=path)],
    )


def unlogged() -> accesslog_pb2.AccessLogFilter:
    """For the ingress's log: checks are no requests."""
    return accesslog_pb2.AccessLogFilter(not_health_check_filter=accesslog_pb2.NotHealthCheckFilter())


def asking(tuning: Tuning) -> list[health_check_pb2.HealthCheck]:
    """The egress's part, for one cluster; empty when checks are switched off."""
    if not tuning.check_interval:
        return []
    interval = seconds(tuning.check_interval)
    sink = file_pb2.HealthCheckEventFileSink(event_log_path=tuning.check_log)
    return [
        health_check_pb2.HealthCheck(
            timeout=seconds(tuning.connect_timeout),
            interval=interval,
            no_traffic_interval=interval,
            unhealthy_threshold=UInt32Value(value=_TIMES),
            healthy_threshold=UInt32Value(value=1),
            http_health_check=health_check_pb2.HealthCheck.HttpHealthCheck(
                host=_HOST,  # by default the cluster's name, which is no host
                path=PATH,
                codec_client_type=http_pb2.HTTP2,
                # 403 and 404: a gateway of a version that does not know the path, and there all the same.
                expected_statuses=[range_pb2.Int64Range(start=_OK, end=_BROKEN)],
            ),
            event_logger=[extension_pb2.TypedExtensionConfig(name=_SINK, typed_config=packed(sink))],
        )
    ]
