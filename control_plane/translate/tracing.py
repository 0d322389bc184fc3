"""Spans of requests, for a collector of OpenTelemetry (OTLP over gRPC), where the settings name one.

Each gateway has a cluster of its own for it, so that they come and go together with its listeners. Spans have
no path: with it would come the query string, which stays out of what is recorded (translate/access_log.py).
"""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import address_pb2, extension_pb2, grpc_service_pb2, protocol_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.config.trace.v3 import http_tracer_pb2, opentelemetry_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.tracers.opentelemetry.samplers.v3 import (
    parent_based_sampler_pb2,
    trace_id_ratio_based_sampler_pb2,
)
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.type.v3 import percent_pb2
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from control_plane.model.gateway import Gateway
from control_plane.model.node import Endpoint
from control_plane.model.tuning import Tuning
from control_plane.translate.names import TRACES
from control_plane.translate.parts import extension, packed, seconds, serialised

_SAMPLERS = "envoy.tracers.opentelemetry.samplers"
_Manager = http_connection_manager_pb2.HttpConnectionManager
_PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_Options = http_protocol_options_pb2.HttpProtocolOptions


def traced(manager: _Manager, gateway: Gateway, tuning: Tuning) -> _Manager:
    """The manager, with spans if there is a collector. A sampled ``traceparent`` is always traced."""
    if tuning.traces is None:
        return manager
    service = grpc_service_pb2.GrpcService(
        envoy_grpc=grpc_service_pb2.GrpcService.EnvoyGrpc(cluster_name=TRACES), timeout=seconds(1)
    )
    config = opentelemetry_pb2.OpenTelemetryConfig(
        grpc_service=service, service_name=str(gateway.spiffe_id), sampler=_sampler(tuning)
    )
    manager.tracing.CopyFrom(
        _Manager.Tracing(
            random_sampling=percent_pb2.Percent(value=100),  # the sampler decides
            max_path_tag_length=UInt32Value(value=0),
            spawn_upstream_span=BoolValue(value=True),
            provider=http_tracer_pb2.Tracing.Http(
                name="envoy.tracers.opentelemetry", typed_config=packed(config)
            ),
        )
    )
    return manager


def _sampler(tuning: Tuning) -> extension_pb2.TypedExtensionConfig:
    """Who began the trace decides for all of it; of requests that begin one here, so many are sampled."""
    share = percent_pb2.FractionalPercent(
        numerator=round(tuning.traces_percent * 10_000), denominator=percent_pb2.FractionalPercent.MILLION
    )
    ratio = trace_id_ratio_based_sampler_pb2.TraceIdRatioBasedSamplerConfig(sampling_percentage=share)
    parent = parent_based_sampler_pb2.ParentBasedSamplerConfig(
        wrapped_sampler=extension(f"{_SAMPLERS}.trace_id_ratio_based", ratio)
    )
    return extension(f"{_SAMPLERS}.parent_based", parent)


def collector(address: Endpoint, tuning: Tuning) -> bytes:
    """The cluster that spans go to: plain HTTP/2, so the collector belongs beside the gateway."""
    where = address_pb2.Address(
        socket_address=address_pb2.SocketAddress(address=address.host, port_value=address.port)
    )
    endpoint = endpoint_components_pb2.LbEndpoint(endpoint=endpoint_components_pb2.Endpoint(address=where))
    locality = endpoint_components_pb2.LocalityLbEndpoints(lb_endpoints=[endpoint])
    http2 = _Options(
        explicit_http_config=_Options.ExplicitHttpConfig(
            http2_protocol_options=protocol_pb2.Http2ProtocolOptions()
        )
    )
    return serialised(
        cluster_pb2.Cluster(
            name=TRACES,
            type=cluster_pb2.Cluster.STATIC,
            connect_timeout=seconds(tuning.connect_timeout),
            load_assignment=endpoint_pb2.ClusterLoadAssignment(cluster_name=TRACES, endpoints=[locality]),
            typed_extension_protocol_options={_PROTOCOL: packed(http2)},
        )
    )
