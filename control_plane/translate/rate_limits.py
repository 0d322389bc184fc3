"""Limits by caller: a bucket for each identity, shared by all workers and divided among our gateways.

The filter stands in the listener and is the same whoever calls, since a changed listener would forget how
full the buckets are. Who has which limit comes with the routes: Envoy looks the caller up in their metadata.
"""

from collections.abc import Iterable

from envoy.config.core.v3 import base_pb2
from envoy.config.route.v3 import route_components_pb2
from envoy.extensions.common.ratelimit.v3 import ratelimit_pb2
from envoy.extensions.filters.http.local_ratelimit.v3 import local_rate_limit_pb2
from envoy.extensions.rate_limit_descriptors.expr.v3 import expr_pb2
from envoy.type.v3 import percent_pb2, token_bucket_pb2
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from control_plane.model.identity import SpiffeId
from control_plane.model.limit import DEFAULT, burst
from control_plane.model.tuning import Tuning
from control_plane.translate.names import NAMESPACE
from control_plane.translate.parts import extension, seconds

FILTER = "envoy.filters.http.local_ratelimit"
MAX_CALLERS = 100_000
"""Buckets that Envoy keeps (by default 20): a caller whose bucket was dropped would have a full one."""

_HOUR = 3_600.0
_KEY = "limits"
_PEER = "connection.uri_san_peer_certificate"
_OWN = f"xds.route_metadata.filter_metadata['{NAMESPACE}']['{_KEY}']"
_LIMIT = f"{_PEER} in {_OWN} ? {_OWN}[{_PEER}] : '{DEFAULT}'"

_Filter = local_rate_limit_pb2.LocalRateLimit
_Action = route_components_pb2.RateLimit.Action


def by_peer(limits: Iterable[int], tuning: Tuning) -> _Filter:
    """The filter; ``limits`` are all that somebody has, in requests an hour."""
    enforced = percent_pb2.FractionalPercent(numerator=100 if tuning.limits_enforced else 0)
    return _Filter(
        stat_prefix="partners",
        filter_enabled=base_pb2.RuntimeFractionalPercent(
            default_value=percent_pb2.FractionalPercent(numerator=100)
        ),
        filter_enforced=base_pb2.RuntimeFractionalPercent(default_value=enforced),
        enable_x_ratelimit_headers="DRAFT_VERSION_03",  # how much is left, with every answer
        # For a caller whose number this listener does not know (yet): never none at all.
        token_bucket=_tokens(DEFAULT, tuning),
        always_consume_default_token_bucket=BoolValue(value=False),
        max_dynamic_descriptors=UInt32Value(value=MAX_CALLERS),
        # By the number of our gateways: a limit is not multiplied by them.
        local_cluster_rate_limit=ratelimit_pb2.LocalClusterRateLimit(),
        rate_limits=[
            route_components_pb2.RateLimit(actions=[_value("limit", _LIMIT), _value("peer", _PEER)])
        ],
        descriptors=[_bucket(limit, tuning) for limit in limits],
        response_headers_to_add=[
            base_pb2.HeaderValueOption(header=base_pb2.HeaderValue(key="retry-after", value="1"))
        ],
    )


def _value(key: str, expression: str) -> _Action:
    described = expr_pb2.Descriptor(descriptor_key=key, text=expression)
    return _Action(extension=extension("envoy.rate_limit_descriptors.expr", described))


def _bucket(limit: int, tuning: Tuning) -> ratelimit_pb2.LocalRateLimitDescriptor:
    """For each caller with this limit one bucket: it holds the burst, and is refilled all the time."""
    entry = ratelimit_pb2.RateLimitDescriptor.Entry
    return ratelimit_pb2.LocalRateLimitDescriptor(
        entries=[entry(key="limit", value=str(limit)), entry(key="peer")],
        token_bucket=_tokens(limit, tuning),
    )


def _tokens(limit: int, tuning: Tuning) -> token_bucket_pb2.TokenBucket:
    return token_bucket_pb2.TokenBucket(
        max_tokens=burst(limit, tuning.burst),
        tokens_per_fill=UInt32Value(value=limit),
        fill_interval=seconds(_HOUR),
    )


def of_peers(facts: base_pb2.Metadata, limits: Iterable[tuple[SpiffeId, int]]) -> None:
    """Say in a route's metadata who has another limit than the default; also when nobody has.

    Without it the look-up would fail, and a caller whom nothing limits is one without a limit.
    """
    struct = facts.filter_metadata[NAMESPACE].fields[_KEY].struct_value
    struct.SetInParent()
    for identity, limit in limits:
        struct.fields[identity].string_value = str(limit)
