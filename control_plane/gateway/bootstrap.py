"""Envoy's bootstrap and command line (pure).

It holds what cannot come over xDS: who this Envoy is, how it reaches the control plane, its limits and its
statistics. Everything about partners and resources comes over delta ADS. All paths are relative to Envoy's
working directory, which keeps sockets under the 107 bytes that Linux allows and the file the same wherever
the state directory lies.
"""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from control_plane.gateway.config import AgentConfig
from control_plane.gateway.statistics import stats_config
from control_plane.model.xds import LOCAL_CLUSTER

_TYPE = "type.googleapis.com/"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_XDS = "xds_cluster"
# For the agent's own socket, which nobody else can open, and for nothing else.
_PLAIN = {
    "name": "envoy.transport_sockets.raw_buffer",
    "typed_config": {"@type": _TYPE + "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"},
}


def bootstrap(config: AgentConfig) -> dict[str, Any]:
    """Build the whole bootstrap as JSON values."""
    return {
        "node": {"id": str(config.gateway_id), "cluster": str(config.trust_domain)},
        "admin": {
            # Not authenticated, so a socket that nobody else can open; usable when connections are exhausted.
            "address": {"pipe": {"path": "run/admin.sock", "mode": 0o600}},
            "ignore_global_conn_limit": True,
        },
        "dynamic_resources": _dynamic_resources(),
        "static_resources": {"clusters": [_xds_cluster(config), _gateways(), _admin_cluster()]},
        "cluster_manager": {
            "outlier_detection": {"event_log_path": "log/outlier.jsonl"},
            "local_cluster_name": LOCAL_CLUSTER,
        },
        "stats_config": stats_config(),
        # Flushing the statistics of 10,000 clusters stalls the main thread for 0.3 s: only when one reads.
        "stats_flush_on_admin": True,
        "deferred_stat_options": {"enable_deferred_creation_stats": True},
        "overload_manager": _overload(config),
    }


def command(envoy: Path, config: AgentConfig) -> list[str]:
    """Build the argument list that starts this Envoy in its working directory."""
    # Also how long a replaced listener's connections may live, so never zero.
    drain = max(1, math.ceil(config.drain_seconds))
    workers = ["--concurrency", str(config.concurrency)] if config.concurrency else []
    return [
        str(envoy),
        "--config-path", config.files.bootstrap.name,
        "--disable-hot-restart",  # no shared memory, so no base id that two gateways could share by accident
        *workers,
        "--drain-time-s", str(drain),
        "--drain-strategy", "immediate",  # what has to end is told so now, not spread over the drain time
        "--log-level", "warning",
        # The audit: a line is in the file within 100 ms, and a killed Envoy takes none with it.
        "--file-flush-interval-msec", "100",
        "--file-flush-min-size-kb", "0",
    ]  # fmt: skip


def rendered(config: AgentConfig) -> str:
    """Return the bootstrap as the text of its file; equal configurations give equal texts."""
    return json.dumps(bootstrap(config), indent=2) + "\n"


def _dynamic_resources() -> dict[str, Any]:
    source = {
        "ads": {},
        "resource_api_version": "V3",
        # No listener opens before clusters and listeners came, or this passed (default 15 s for each).
        "initial_fetch_timeout": "5s",
    }
    return {
        "ads_config": {
            "api_type": "DELTA_GRPC",
            "transport_api_version": "V3",
            "set_node_on_first_message_only": True,
            "grpc_services": [
                {
                    "envoy_grpc": {
                        "cluster_name": _XDS,
                        # The default waits up to 30 s after an outage of the control plane. (The policy of
                        # the same name beside ``envoy_grpc`` is about something else.)
                        "retry_policy": {"retry_back_off": {"base_interval": "0.2s", "max_interval": "2s"}},
                    }
                }
            ],
        },
        "cds_config": source,
        "lds_config": source,
    }


def _admin_cluster() -> dict[str, Any]:
    """Envoy's own admin socket, for the listener of metrics, if one comes."""
    endpoint = {"endpoint": {"address": {"pipe": {"path": "run/admin.sock"}}}}
    return {
        "name": "admin",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "admin", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _xds_cluster(config: AgentConfig) -> dict[str, Any]:
    target = config.target
    cluster: dict[str, Any] = {
        "name": _XDS,
        "type": "STRICT_DNS" if target.is_named else "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": _TYPE + _HTTP_OPTIONS,
                "explicit_http_config": {
                    # A control plane that vanished without closing is noticed, and another connection tried.
                    "http2_protocol_options": {"connection_keepalive": {"interval": "5s", "timeout": "3s"}}
                },
            }
        },
    }
    if target.path is not None:
        address: dict[str, Any] = {"pipe": {"path": _shortest(target.path, config.directory)}}
    else:
        address = {"socket_address": {"address": target.host, "port_value": target.port}}
        cluster["transport_socket"] = _mutual_tls()
    endpoints = [{"endpoint": {"address": address}}]
    if not target.is_named:  # a cluster that resolves names takes no socket of this machine
        endpoints.append(_kept(cluster))
    cluster["load_assignment"] = {"cluster_name": _XDS, "endpoints": [{"lb_endpoints": endpoints}]}
    return cluster


def _gateways() -> dict[str, Any]:
    """Our own gateways, of which Envoy only wants to know how many there are: they share the limits."""
    source = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "1s"}
    return {"name": LOCAL_CLUSTER, "type": "EDS", "eds_cluster_config": {"eds_config": source}}


def _kept(cluster: dict[str, Any]) -> dict[str, Any]:
    """Where the agent stands in: the socket is only there while the control plane is not."""
    endpoint: dict[str, Any] = {"endpoint": {"address": {"pipe": {"path": "run/kept.sock"}}}}
    if "transport_socket" in cluster:
        mark = {"kept": True}
        endpoint["metadata"] = {"filter_metadata": {"envoy.transport_socket_match": mark}}
        cluster["transport_socket_matches"] = [
            {"name": "kept", "match": mark, "transport_socket": _PLAIN},
        ]
    return endpoint


def _mutual_tls() -> dict[str, Any]:
    """Present our certificate; accept only what the file names: our anchors, the control plane's exact id."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {
                # Without it Envoy's client side settles for TLS 1.2.
                "tls_params": {
                    "tls_minimum_protocol_version": "TLSv1_3",
                    "tls_maximum_protocol_version": "TLSv1_3",
                },
                "alpn_protocols": ["h2"],
                "tls_certificate_sds_secret_configs": [_file_secret("own", "sds/own.json")],
                "validation_context_sds_secret_config": _file_secret(
                    "control-plane", "sds/control-plane.json"
                ),
            },
        },
    }


def _file_secret(name: str, path: str) -> dict[str, Any]:
    return {
        "name": name,
        "sds_config": {
            "path_config_source": {"path": path, "watched_directory": {"path": "sds"}},
            "resource_api_version": "V3",
        },
    }


def _overload(config: AgentConfig) -> dict[str, Any]:
    def above(value: float) -> Sequence[dict[str, Any]]:
        return [{"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": value}}]

    monitors = _TYPE + "envoy.extensions.resource_monitors."
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.fixed_heap",
                "typed_config": {
                    "@type": monitors + "fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": str(config.max_heap_bytes),
                },
            },
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": monitors + "downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": str(config.max_connections),
                },
            },
        ],
        "actions": [
            {"name": "envoy.overload_actions.shrink_heap", "triggers": above(0.9)},
            {"name": "envoy.overload_actions.stop_accepting_requests", "triggers": above(0.97)},
        ],
    }


def _shortest(path: Path, directory: Path) -> str:
    """Return the shortest path for a process whose working directory is ``directory``."""
    return min(str(path), os.path.relpath(path, directory), key=len)
