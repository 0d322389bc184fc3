"""The keys of the logs are a contract with the audit."""

from envoy.config.accesslog.v3 import accesslog_pb2
from envoy.extensions.access_loggers.file.v3 import file_pb2

from control_plane.model.tuning import Tuning
from control_plane.translate.access_log import HANDSHAKE_KEYS, REQUEST_KEYS, handshakes, requests


def template(log: accesslog_pb2.AccessLog) -> tuple[str, dict[str, str]]:
    file = file_pb2.FileAccessLog.FromString(log.typed_config.value)
    fields = file.log_format.json_format.fields
    return file.path, {key: fields[key].string_value for key in fields}


def test_a_request_has_these_keys_in_both_directions() -> None:
    agreed = (
        "ts row dir rid trace peer cert serial method path host code detail flags ms bytes route resource"
    )
    agreed += " rbac result shadow shadow_result mcp tool upstream attempts cluster target_node"

    logs = [template(requests(direction, Tuning())) for direction in ("ingress", "egress")]

    assert set(agreed.split()) == REQUEST_KEYS
    assert all(keys.keys() == REQUEST_KEYS for _, keys in logs)
    assert [path for path, _ in logs] == ["log/access.jsonl"] * 2
    assert [keys["dir"] for _, keys in logs] == ["ingress", "egress"]


def test_a_refused_handshake_has_these_keys() -> None:
    path, keys = template(handshakes(Tuning(listener_log="log/other.jsonl")))

    agreed = "ts row dir peer cert serial remote failure detail"
    assert HANDSHAKE_KEYS == keys.keys() == set(agreed.split())
    assert path == "log/other.jsonl"


def test_a_query_string_is_never_logged() -> None:
    _, keys = template(requests("ingress", Tuning()))

    assert "NQ" in keys["path"]
    assert not any("%REQ(:PATH)" in operator or "QUERY" in operator for operator in keys.values())


def test_a_query_string_is_logged_where_a_hash_of_it_is_kept() -> None:
    _, keys = template(requests("egress", Tuning(query_strings=True)))

    assert keys["path"] == "%PATH(WQ:PATH):8193%"
    assert keys.keys() == REQUEST_KEYS
