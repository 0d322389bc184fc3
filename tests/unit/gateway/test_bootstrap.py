"""The bootstrap, whole: the files that envoy/ shows are what the agent writes."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from google.protobuf.json_format import ParseDict

from control_plane.gateway.bootstrap import bootstrap, command, rendered
from tests.unit.gateway.agent_config import config

SHOWN = Path(__file__).parents[3] / "envoy"


@pytest.mark.parametrize(
    ("name", "control_plane"),
    [
        ("bootstrap.unix.json", "unix:/var/lib/proxenia/run/xds.sock"),
        ("bootstrap.mtls.json", "192.0.2.9:9443"),
    ],
)
def test_the_bootstrap_is_the_one_that_was_reviewed(
    name: str, control_plane: str, request: pytest.FixtureRequest
) -> None:
    file = SHOWN / name
    if request.config.getoption("--update-golden", default=False):
        file.write_text(rendered(config(control_plane=control_plane)))

    made = rendered(config(control_plane=control_plane))

    assert json.loads(made) == json.loads(file.read_text()), (
        "if that is meant: pytest tests/golden tests/unit/gateway --update-golden"
    )
    assert made == file.read_text()


def test_the_same_directory_elsewhere_gives_the_same_bootstrap() -> None:
    here = rendered(config(directory=Path("/srv/a/gateway/1"), control_plane="unix:/srv/a/run/xds.sock"))
    there = rendered(config(directory=Path("/opt/bb/gateway/1"), control_plane="unix:/opt/bb/run/xds.sock"))

    assert here == there


def test_a_control_plane_over_tcp_is_never_spoken_to_without_tls() -> None:
    made = bootstrap(config(control_plane="cp.luebeck.example:9443"))

    cluster = made["static_resources"]["clusters"][0]
    assert cluster["type"] == "STRICT_DNS"
    assert cluster["transport_socket"]["name"] == "envoy.transport_sockets.tls"


def test_an_outage_of_the_control_plane_is_not_waited_out_for_half_a_minute() -> None:
    made = bootstrap(config())

    (service,) = made["dynamic_resources"]["ads_config"]["grpc_services"]
    policy = ParseDict(
        service, GrpcService()
    ).envoy_grpc.retry_policy  # that of streams; another is beside it
    assert policy.retry_back_off.max_interval.ToSeconds() == 2


def test_the_admin_interface_is_a_socket_of_its_owner_alone() -> None:
    made = bootstrap(config())

    assert made["admin"]["address"] == {"pipe": {"path": "run/admin.sock", "mode": 0o600}}


@pytest.mark.parametrize(
    "name",
    [
        "control_plane.connected_state",
        "cluster_manager.cds.update_rejected",
        "listener_manager.lds.update_rejected",
        "cluster_manager.warming_clusters",
        "http.ingress.rds.ingress.update_rejected",
        "sds.trust-luebeck.update_rejected",
        "cluster.to/orders_luebeck_example.update_rejected",
        "cluster.to/orders_luebeck_example.outlier_detection.ejections_active",
        "cluster.to/orders_luebeck_example.outlier_detection.ejections_overflow",
        "cluster.to/orders_luebeck_example.lb_healthy_panic",
        "cluster.to/orders_luebeck_example.upstream_cx_connect_fail",
        "cluster.to/orders_luebeck_example.upstream_rq_5xx",
        "cluster.to/orders_luebeck_example.ssl.fail_verify_san",
        "cluster.to/orders_luebeck_example.ssl.fail_verify_error",
        "cluster.to/orders_luebeck_example.ssl.certificate.own.expiration_unix_time_seconds",
        "cluster.to/orders_luebeck_example.client_ssl_socket_factory.upstream_context_secrets_not_ready",
        "listener.0.0.0.0_8443.ssl.fail_verify_no_cert",
        "listener.0.0.0.0_8443.ssl.connection_error",
        "listener.0.0.0.0_8443.server_ssl_socket_factory.ssl_context_update_by_sds",
        "server.days_until_first_cert_expiring",
        "http.ingress.rbac.denied",
        "http.ingress.rbac.shadow_denied",
        "fed.http_local_rate_limit.rate_limited",
    ],
)
def test_a_statistic_that_an_alert_reads_is_kept(name: str) -> None:
    patterns = bootstrap(config())["stats_config"]["stats_matcher"]["inclusion_list"]["patterns"]

    def keeps(pattern: dict[str, str]) -> bool:
        ((kind, text),) = pattern.items()
        return {"prefix": name.startswith, "suffix": name.endswith, "contains": name.__contains__}[kind](text)

    assert any(keeps(pattern) for pattern in patterns)


def test_the_command_line_keeps_audit_lines_out_of_buffers() -> None:
    arguments = command(Path("/usr/bin/envoy"), config(drain_seconds=0.3, concurrency=3))

    pairs = dict(pairwise(arguments))
    assert pairs["--file-flush-interval-msec"] == "100"
    assert pairs["--file-flush-min-size-kb"] == "0"
    assert pairs["--drain-time-s"] == "1"
    assert pairs["--concurrency"] == "3"
    assert "--disable-hot-restart" in arguments


def test_without_a_wish_envoy_counts_the_processors_itself() -> None:
    assert "--concurrency" not in command(Path("/usr/bin/envoy"), config())
