"""The HTTP connection managers: what a request must look like before it is routed."""

from envoy.config.common.mutation_rules.v3 import mutation_rules_pb2
from envoy.config.core.v3 import base_pb2, extension_pb2, protocol_pb2
from envoy.extensions.filters.http.on_demand.v3 import on_demand_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import header_mutation_pb2
from envoy.extensions.request_id.uuid.v3 import uuid_pb2
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from control_plane.model.tuning import Tuning
from control_plane.translate import access_log, addressing, checks, mcp, rate_limits
from control_plane.translate.clusters import CONNECTION_WINDOW, STREAM_WINDOW
from control_plane.translate.names import CLUSTER_HEADER, EGRESS, IMPORT_PREFIX, INGRESS, SERIAL_HEADER
from control_plane.translate.parts import WAIT, ads, extension, packed, seconds
from control_plane.translate.rbac import PER_ROUTE, deny_all

_Manager = http_connection_manager_pb2.HttpConnectionManager
_YES = BoolValue(value=True)
ON_DEMAND = "envoy.filters.http.on_demand"


def ingress_manager(tuning: Tuning, limits: tuple[int, ...]) -> _Manager:
    """From partners: nothing is routed before it is authorized, and their request ids are kept."""
    manager = _manager(INGRESS, tuning)
    # Both audits carry the same id; what the partner sends is taken, and the row is keyed by partner and id.
    manager.preserve_external_request_id = True
    # What the service hears of the caller comes from the certificate, never from a header that the caller
    # sent.
    manager.forward_client_cert_details = _Manager.SANITIZE_SET
    manager.set_current_client_cert_details.uri = True
    # Envoy's rules cannot look at a certificate's serial number, but at a header that it wrote itself.
    manager.early_header_mutation_extensions.append(_overwriting(SERIAL_HEADER, "%DOWNSTREAM_PEER_SERIAL%"))
    manager.http_filters.extend(
        [
            _filter(checks.FILTER, checks.answering()),
            mcp.reader(tuning),
            _filter(PER_ROUTE, deny_all()),
            # Behind it, so that what is denied costs nobody anything.
            _filter(rate_limits.FILTER, rate_limits.by_peer(limits, tuning)),
            _router(),
        ]
    )
    return manager


def egress_manager(tuning: Tuning) -> _Manager:
    """From our applications: the host becomes the name of a cluster, and request ids are replaced."""
    manager = _manager(EGRESS, tuning)
    manager.forward_client_cert_details = _Manager.SANITIZE
    manager.skip_xff_append = True  # partners do not learn our inner addresses
    # The port is gone from the host by now. Overwriting: callers must not choose the cluster themselves.
    manager.early_header_mutation_extensions.append(
        _overwriting(CLUSTER_HEADER, f"{IMPORT_PREFIX}%REQ(:AUTHORITY)%")
    )
    manager.http_filters.append(_filter(addressing.FILTER, addressing.naming()))
    if tuning.on_demand:
        manager.http_filters.append(_filter(ON_DEMAND, _on_demand(tuning)))
    manager.http_filters.append(_router())
    return manager


def _on_demand(tuning: Tuning) -> on_demand_pb2.OnDemand:
    """The first request to a cluster that this gateway does not hold waits until it has come."""
    return on_demand_pb2.OnDemand(
        odcds=on_demand_pb2.OnDemandCds(
            source=ads(tuning.fetch_timeout), timeout=seconds(tuning.on_demand_timeout)
        )
    )


def _overwriting(header: str, value: str) -> extension_pb2.TypedExtensionConfig:
    """Set a header before anything reads it, whatever the caller sent."""
    mutation = mutation_rules_pb2.HeaderMutation(
        append=base_pb2.HeaderValueOption(
            header=base_pb2.HeaderValue(key=header, value=value),
            append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
        )
    )
    return extension(
        "envoy.http.early_header_mutation.header_mutation",
        header_mutation_pb2.HeaderMutation(mutations=[mutation]),
    )


def _manager(direction: str, tuning: Tuning) -> _Manager:
    manager = _Manager(
        stat_prefix=direction,
        rds=http_connection_manager_pb2.Rds(
            route_config_name=direction,
            # Without routes every request would get a false answer, so the listener opens only with them.
            config_source=ads(WAIT),
        ),
        server_name="proxenia",
        stream_idle_timeout=seconds(tuning.stream_idle_timeout),
        request_headers_timeout=seconds(tuning.request_headers_timeout),
        drain_timeout=seconds(tuning.drain_timeout),
        access_log=[access_log.requests(direction, tuning)],
        common_http_protocol_options=_common(tuning),
        http2_protocol_options=_http2(tuning),
        upgrade_configs=[_Manager.UpgradeConfig(upgrade_type="websocket")],
    )
    _normalise(manager)
    _correlate(manager)
    return manager


def _normalise(manager: _Manager) -> None:
    """One spelling per path and host: what is authorized is what the service gets.

    Without these, ``/public/../secret`` and its escaped forms are matched as ``/public`` and sent on as
    they are.
    """
    manager.normalize_path.CopyFrom(_YES)
    manager.merge_slashes = True
    manager.path_with_escaped_slashes_action = _Manager.REJECT_REQUEST
    manager.strip_any_host_port = True
    manager.strip_trailing_host_dot = True


def _correlate(manager: _Manager) -> None:
    """One request id for the whole way, byte for byte: Envoy would write its sampling decision into it."""
    # The peer's address is the connection's, never one from a header; at the egress this also replaces any
    # request id that the application sent.
    manager.use_remote_address.CopyFrom(_YES)
    manager.always_set_request_id_in_response = True
    manager.request_id_extension.typed_config.CopyFrom(
        packed(uuid_pb2.UuidRequestIdConfig(pack_trace_reason=BoolValue(value=False)))
    )


def _common(tuning: Tuning) -> protocol_pb2.HttpProtocolOptions:
    return protocol_pb2.HttpProtocolOptions(
        # ``a_b`` and ``a-b`` are one header to many services: whoever may send one must not send the other.
        headers_with_underscores_action=protocol_pb2.HttpProtocolOptions.REJECT_REQUEST,
        # Connections end, so that trust and listeners that changed are looked at again.
        max_connection_duration=seconds(tuning.max_connection_duration),
    )


def _http2(tuning: Tuning) -> protocol_pb2.Http2ProtocolOptions:
    return protocol_pb2.Http2ProtocolOptions(
        allow_connect=True,  # WebSockets cross as extended CONNECT (RFC 8441)
        max_concurrent_streams=UInt32Value(value=tuning.max_streams),
        initial_stream_window_size=UInt32Value(value=STREAM_WINDOW),
        initial_connection_window_size=UInt32Value(value=CONNECTION_WINDOW),
    )


def _router() -> http_connection_manager_pb2.HttpFilter:
    return _filter("envoy.filters.http.router", router_pb2.Router())


def _filter(name: str, config: Message) -> http_connection_manager_pb2.HttpFilter:
    return http_connection_manager_pb2.HttpFilter(name=name, typed_config=packed(config))
