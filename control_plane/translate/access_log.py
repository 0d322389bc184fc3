"""The audit's raw material: one JSON line per request, and one per connection to the ingress.

They go to files, since a gRPC access log loses rows without saying so. The keys are read back by
``audit.events``. ``%UNIQUE_ID%`` names the row, so that a line that arrives twice is stored once. Lengths
are bounded, because partners choose what is in them. A value that does not exist is null.
"""

from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.config.core.v3 import substitution_format_string_pb2
from envoy.extensions.access_loggers.file.v3 import file_pb2
from google.protobuf.struct_pb2 import Struct

from control_plane.model.tuning import Tuning
from control_plane.translate import checks
from control_plane.translate.names import EGRESS, INGRESS, MCP_FILTER, NAMESPACE
from control_plane.translate.parts import packed

_WITH_QUERY = {"path": "%PATH(WQ:PATH):8193%"}  # for audit/target.py, which keeps a hash
_FILE = "envoy.access_loggers.file"
_RBAC = "envoy.filters.http.rbac"

_REQUEST = {
    "ts": "%START_TIME%",
    "row": "%UNIQUE_ID%",
    "rid": "%REQ(X-REQUEST-ID):128%",
    "trace": "%REQ(TRACEPARENT):64%",
    "method": "%REQ(:METHOD):32%",
    "path": "%PATH(NQ:PATH):2048%",  # without the query string: it often carries personal data and tokens
    "host": "%REQ(:AUTHORITY):320%",
    "code": "%RESPONSE_CODE%",
    "detail": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "ms": "%DURATION%",
    "bytes": "%BYTES_SENT%",
    "route": "%ROUTE_NAME%",
    "rbac": f"%DYNAMIC_METADATA({_RBAC}:enforced_effective_policy_id)%",
    "result": f"%DYNAMIC_METADATA({_RBAC}:enforced_engine_result)%",
    "shadow": f"%DYNAMIC_METADATA({_RBAC}:shadow_effective_policy_id)%",
    "shadow_result": f"%DYNAMIC_METADATA({_RBAC}:shadow_engine_result)%",
    "mcp": f"%DYNAMIC_METADATA({MCP_FILTER}:method):128%",
    "tool": f"%DYNAMIC_METADATA({MCP_FILTER}:params:name):128%",
    "upstream": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",  # the plain operator would show the name for metrics
    "target_node": f"%METADATA(UPSTREAM_HOST:{NAMESPACE}:node)%",
}

# Who is at the other end: at the ingress the caller, at the egress the partner's node that answered.
_INGRESS = {
    "dir": INGRESS,
    "peer": "%DOWNSTREAM_PEER_URI_SAN%",
    "cert": "%DOWNSTREAM_PEER_FINGERPRINT_256%",
    "serial": "%DOWNSTREAM_PEER_SERIAL%",
    "resource": f"%METADATA(ROUTE:{NAMESPACE}:resource)%",
}
_EGRESS = {
    "dir": EGRESS,
    "peer": "%UPSTREAM_PEER_URI_SAN%",
    "cert": "%DOWNSTREAM_PEER_FINGERPRINT_256%",  # null: Envoy has no fingerprint of an upstream certificate
    "serial": "%DOWNSTREAM_PEER_SERIAL%",  # null, for the same reason
    "resource": f"%METADATA(CLUSTER:{NAMESPACE}:resource)%",
}
_HANDSHAKE = {
    "ts": "%START_TIME%",
    "row": "%UNIQUE_ID%",
    "dir": INGRESS,
    "peer": "%DOWNSTREAM_PEER_URI_SAN%",
    "cert": "%DOWNSTREAM_PEER_FINGERPRINT_256%",
    "serial": "%DOWNSTREAM_PEER_SERIAL%",
    "remote": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "failure": "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
    "detail": "%CONNECTION_TERMINATION_DETAILS%",
}

REQUEST_KEYS = frozenset(_REQUEST | _INGRESS)
HANDSHAKE_KEYS = frozenset(_HANDSHAKE)


def requests(direction: str, tuning: Tuning) -> accesslog_pb2.AccessLog:
    """Every request of one listener, answered or not."""
    path = _WITH_QUERY if tuning.query_strings else {}
    log = _file(tuning.access_log, _REQUEST | path | (_INGRESS if direction == INGRESS else _EGRESS))
    if direction == INGRESS:
        log.filter.CopyFrom(checks.unlogged())
    return log


def handshakes(tuning: Tuning) -> accesslog_pb2.AccessLog:
    """Connections to the ingress; of interest are those with a ``failure``, which no request log sees."""
    return _file(tuning.listener_log, _HANDSHAKE)


def _file(path: str, lines: dict[str, str]) -> accesslog_pb2.AccessLog:
    template = Struct()
    for key, operator in lines.items():
        template.fields[key].string_value = operator
    log = file_pb2.FileAccessLog(
        path=path, log_format=substitution_format_string_pb2.SubstitutionFormatString(json_format=template)
    )
    return accesslog_pb2.AccessLog(name=_FILE, typed_config=packed(log))
