"""Clusters: one per partner's resource, one per resource of ours.

Addresses come by EDS, so that a changed
one rebuilds no connection.
"""

from collections.abc import Iterable
from functools import lru_cache

from envoy.config.cluster.v3 import circuit_breaker_pb2, cluster_pb2, outlier_detection_pb2
from envoy.config.core.v3 import protocol_pb2
from envoy.extensions.clusters.aggregate.v3 import cluster_pb2 as aggregate_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.type.v3 import percent_pb2
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from control_plane.model.federation import Import
from control_plane.model.identity import TrustDomain
from control_plane.model.resource import Resource, ResourceKind
from control_plane.model.tuning import Tuning
from control_plane.model.xds import CLUSTER, XdsResource
from control_plane.translate import checks
from control_plane.translate.names import import_cluster, local_cluster, own_statistics, statistics
from control_plane.translate.parts import ads, metadata, packed, seconds, serialised
from control_plane.translate.tls import denying_socket, partner_socket
from control_plane.translate.wire import delimited

_PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
AGGREGATE = "envoy.clusters.aggregate"
LOAD_ASSIGNMENT = 33  # Cluster.load_assignment; a test holds it against the descriptor
STREAM_WINDOW = 1 << 20  # bytes in flight per stream: enough for 50 ms and 160 Mbit/s
CONNECTION_WINDOW = 1 << 24

SLOW_START_PERCENT = 10.0  # of its weight, with which a node begins

MATCH_KEY = "organisation"
"""The endpoint metadata (namespace ``envoy.transport_socket_match``) that chooses the TLS context."""


def imported(planned: Import, tuning: Tuning, name: str, shown: str) -> bytes:
    """The cluster of a partner's resource: what is its own, then what all of that partner share.

    Envoy ends the connections of a cluster that changed once their requests are done; new trust alone it
    looks at in new connections only. So what was revoked by a list counts in the cluster's metadata.
    """
    facts = {"epoch": str(planned.epoch)} if planned.epoch else {}
    return _particular(name, planned.resource, shown, **facts) + _import_template(
        planned.organisations, tuning
    )


def nothing(name: str) -> XdsResource:
    """Stands for a cluster that does not exist: whoever asks for it on demand gets 503 at once."""
    empty = cluster_pb2.Cluster(name=name, type=cluster_pb2.Cluster.STATIC, connect_timeout=seconds(1))
    return XdsResource.of(CLUSTER, name, serialised(empty))


def exported(resource: Resource, tuning: Tuning) -> bytes:
    """The cluster of a service behind our ingress."""
    name = local_cluster(resource)
    return _particular(name, resource, statistics(name)) + _export_template(resource.kind, tuning)


def own(resource: Resource, tuning: Tuning) -> bytes:
    """The cluster by which our own applications reach a service of ours, as the ingress does."""
    name = import_cluster(resource)
    return _particular(name, resource, own_statistics(resource)) + _export_template(resource.kind, tuning)


def own_part(resource: Resource, tuning: Tuning, name: str, assignment: bytes) -> bytes:
    """The same as a part of a group: with circuits, since somebody else stands behind it.

    Its addresses come with it. The cluster of clusters does not wait for its parts; a part that had to wait
    for endpoints would leave requests without an answer whenever a resource becomes a group.
    """
    template = _own_part_template(resource.kind, tuning)
    return (
        _particular(name, resource, own_statistics(resource))
        + template
        + delimited(LOAD_ASSIGNMENT, assignment)
    )


def in_order(resource: Resource, parts: Iterable[str], tuning: Tuning) -> bytes:
    """The cluster of clusters that are asked one after the other, each in its own protocol."""
    name = import_cluster(resource)
    cluster = cluster_pb2.Cluster(
        connect_timeout=seconds(tuning.connect_timeout),
        lb_policy=cluster_pb2.Cluster.CLUSTER_PROVIDED,
        cluster_type=cluster_pb2.Cluster.CustomClusterType(
            name=AGGREGATE, typed_config=packed(aggregate_pb2.ClusterConfig(clusters=parts))
        ),
        # Retries are counted here, all else by the part that is asked.
        circuit_breakers=circuit_breaker_pb2.CircuitBreakers(thresholds=[_limits(tuning)]),
    )
    _never_panic(cluster)
    return _particular(name, resource, statistics(name)) + serialised(cluster)


def _particular(name: str, resource: Resource, shown: str, **facts: str) -> bytes:
    """What is one cluster's alone; ``shown`` is its name in metrics."""
    facts = {"resource": resource.key, **facts}
    return serialised(cluster_pb2.Cluster(name=name, alt_stat_name=shown, metadata=metadata(**facts)))


@lru_cache(maxsize=4096)
def _import_template(organisations: tuple[TrustDomain, ...], tuning: Tuning) -> bytes:
    cluster = _common(tuning)
    _with_circuits(cluster, tuning)
    cluster.transport_socket_matches.extend(_match(one, tuning) for one in organisations)
    # The last one catches all: an endpoint that matched nothing would be dialled in plaintext.
    cluster.transport_socket_matches.append(
        cluster_pb2.Cluster.TransportSocketMatch(
            name="deny", match=Struct(), transport_socket=denying_socket()
        )
    )
    cluster.health_checks.extend(checks.asking(tuning))
    _speak(cluster, _http2(tuning), tuning)
    return serialised(cluster)


def _match(organisation: TrustDomain, tuning: Tuning) -> cluster_pb2.Cluster.TransportSocketMatch:
    own = Struct()
    own.fields[MATCH_KEY].string_value = organisation
    return cluster_pb2.Cluster.TransportSocketMatch(
        name=statistics(organisation), match=own, transport_socket=partner_socket(organisation, tuning)
    )


def _with_circuits(cluster: cluster_pb2.Cluster, tuning: Tuning) -> None:
    cluster.outlier_detection.CopyFrom(_circuit(tuning))
    _never_panic(cluster)
    if tuning.slow_start:  # a node that comes back is not buried under all that waited for it
        slow = cluster.least_request_lb_config.slow_start_config
        slow.slow_start_window.CopyFrom(seconds(tuning.slow_start))
        slow.min_weight_percent.value = SLOW_START_PERCENT


def _never_panic(cluster: cluster_pb2.Cluster) -> None:
    # Panic mode would send to nodes whose circuit is open as soon as half of them are; then it never opens.
    cluster.common_lb_config.healthy_panic_threshold.CopyFrom(percent_pb2.Percent(value=0))
    # By default changes wait up to a second to be merged, and an opened circuit with them.
    cluster.common_lb_config.update_merge_window.CopyFrom(seconds(0))


@lru_cache(maxsize=64)
def _own_part_template(kind: ResourceKind, tuning: Tuning) -> bytes:
    cluster = _common(tuning)
    cluster.type = cluster_pb2.Cluster.STATIC
    cluster.ClearField("eds_cluster_config")
    _with_circuits(cluster, tuning)
    _speak_to_service(cluster, kind, tuning)
    return serialised(cluster)


@lru_cache(maxsize=64)
def _export_template(kind: ResourceKind, tuning: Tuning) -> bytes:
    cluster = _common(tuning)
    _speak_to_service(cluster, kind, tuning)
    return serialised(cluster)


def _speak_to_service(cluster: cluster_pb2.Cluster, kind: ResourceKind, tuning: Tuning) -> None:
    protocol = http_protocol_options_pb2.HttpProtocolOptions.ExplicitHttpConfig()
    if kind is ResourceKind.GRPC:
        protocol.http2_protocol_options.CopyFrom(_http2_options(tuning))
    else:
        protocol.http_protocol_options.SetInParent()
    _speak(cluster, protocol, tuning)


def _common(tuning: Tuning) -> cluster_pb2.Cluster:
    return cluster_pb2.Cluster(
        type=cluster_pb2.Cluster.EDS,
        # Bounded: a cluster whose endpoints do not come must not hold up the start of the whole gateway.
        eds_cluster_config=cluster_pb2.Cluster.EdsClusterConfig(eds_config=ads(tuning.fetch_timeout)),
        connect_timeout=seconds(tuning.connect_timeout),
        lb_policy=cluster_pb2.Cluster.LEAST_REQUEST,
        circuit_breakers=circuit_breaker_pb2.CircuitBreakers(thresholds=[_limits(tuning)]),
    )


def _limits(tuning: Tuning) -> circuit_breaker_pb2.CircuitBreakers.Thresholds:
    return circuit_breaker_pb2.CircuitBreakers.Thresholds(
        max_connections=UInt32Value(value=tuning.max_connections),
        max_pending_requests=UInt32Value(value=tuning.max_pending_requests),
        max_requests=UInt32Value(value=tuning.max_requests),
        track_remaining=True,  # how much is left is a metric
        # Retries are bounded by what is going on, not by a fixed number: a dying partner is not buried in
        # them.
        retry_budget=circuit_breaker_pb2.CircuitBreakers.Thresholds.RetryBudget(
            budget_percent=percent_pb2.Percent(value=tuning.retry_budget_percent),
            min_retry_concurrency=UInt32Value(value=tuning.retry_concurrency),
        ),
    )


def _circuit(tuning: Tuning) -> outlier_detection_pb2.OutlierDetection:
    """The circuit to each node: failures in a row eject it.

    ``split_external_local_origin_errors`` stays unset: with it, time-outs would never open the circuit,
    because every successful connect resets their counter.
    """
    return outlier_detection_pb2.OutlierDetection(
        consecutive_5xx=UInt32Value(value=tuning.circuit_failures),
        enforcing_consecutive_5xx=UInt32Value(value=100),
        enforcing_success_rate=UInt32Value(value=0),  # it compares nodes with each other, which says little
        interval=seconds(tuning.circuit_interval),
        base_ejection_time=seconds(tuning.circuit_open),
        max_ejection_time=seconds(tuning.circuit_open_max),
        # A gateway that answers checks may serve a resource that fails: only requests close a circuit.
        successful_active_health_check_uneject_host=BoolValue(value=False),
        max_ejection_percent=UInt32Value(value=100),  # by default the only node would never be ejected
    )


def _http2_options(tuning: Tuning) -> protocol_pb2.Http2ProtocolOptions:
    return protocol_pb2.Http2ProtocolOptions(
        allow_connect=True,  # WebSockets cross as extended CONNECT (RFC 8441)
        initial_stream_window_size=UInt32Value(value=STREAM_WINDOW),
        initial_connection_window_size=UInt32Value(value=CONNECTION_WINDOW),
        # A machine that vanished sends no reset: without pings, its connections would take requests for
        # minutes.
        connection_keepalive=protocol_pb2.KeepaliveSettings(
            interval=seconds(tuning.keepalive_interval), timeout=seconds(tuning.keepalive_timeout)
        ),
    )


def _http2(tuning: Tuning) -> http_protocol_options_pb2.HttpProtocolOptions.ExplicitHttpConfig:
    """HTTP/2 without asking: between gateways nothing else is spoken."""
    return http_protocol_options_pb2.HttpProtocolOptions.ExplicitHttpConfig(
        http2_protocol_options=_http2_options(tuning)
    )


def _speak(
    cluster: cluster_pb2.Cluster,
    protocol: http_protocol_options_pb2.HttpProtocolOptions.ExplicitHttpConfig,
    tuning: Tuning,
) -> None:
    options = http_protocol_options_pb2.HttpProtocolOptions(
        common_http_protocol_options=protocol_pb2.HttpProtocolOptions(
            max_connection_duration=seconds(tuning.max_connection_duration)
        ),
        explicit_http_config=protocol,
    )
    cluster.typed_extension_protocol_options[_PROTOCOL].CopyFrom(packed(options))
