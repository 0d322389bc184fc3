"""An Envoy with the mistakes that alerts are there for, and that our own configuration does not make.

Its disk is full (``/dev/full``), its circuits give way to panic, and a cluster waits for endpoints for ever.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from control_plane.app.demo.organisation import free_port
from tests.integration.translate.envoy import Envoy, running

_TYPE = "type.googleapis.com/envoy."
_MANAGER = "envoy.filters.network.http_connection_manager"


@asynccontextmanager
async def lame(directory: Path) -> AsyncIterator[tuple[Envoy, int]]:
    """Start it; where its metrics are."""
    port = free_port()
    directory.mkdir()  # noqa: ASYNC240 - nothing else waits here
    (directory / "clusters.json").write_text(json.dumps({"version_info": "1", "resources": []}))
    bootstrap = {
        "node": {"id": "lame", "cluster": "lame"},
        "admin": {"address": {"pipe": {"path": "admin.sock"}}},
        "dynamic_resources": {
            "cds_config": {"path_config_source": {"path": str(directory / "clusters.json")}}
        },
        "static_resources": {
            "listeners": [_listener("metrics", port, "admin"), _listener("ingress", 0, "lame")],
            "clusters": [
                _cluster("admin", {"pipe": {"path": "admin.sock"}}),
                _cluster("lame", {"socket_address": {"address": "127.0.0.1", "port_value": free_port()}}),
            ],
        },
    }
    async with running(directory, json.dumps(bootstrap)) as envoy:
        yield envoy, port


def wait_for_ever(directory: Path) -> None:
    """Hand it a cluster whose endpoints never come."""
    api = {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [_grpc("lame")]}
    source = {"api_config_source": api, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    cluster = {
        "@type": _TYPE + "config.cluster.v3.Cluster",
        "name": "waiting",
        "type": "EDS",
        "eds_cluster_config": {"eds_config": source},
    }
    new = directory / "clusters.new"
    new.write_text(json.dumps({"version_info": "2", "resources": [cluster]}))
    new.rename(directory / "clusters.json")


async def call(envoy: Envoy) -> None:
    """A request that fails."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{envoy.ports['ingress']}/") as answer,
    ):
        assert answer.status == 503


def _grpc(cluster: str) -> dict[str, Any]:
    return {"envoy_grpc": {"cluster_name": cluster}}


def _cluster(name: str, address: dict[str, Any]) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": address}}
    http2 = {"@type": _TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions"}
    version = "http_protocol_options" if name == "admin" else "http2_protocol_options"
    http2 |= {"explicit_http_config": {version: {}}}  # type: ignore[dict-item]  # JSON
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "outlier_detection": {"consecutive_5xx": 1, "base_ejection_time": "600s"},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
    }


def _listener(name: str, port: int, cluster: str) -> dict[str, Any]:
    full = {"@type": _TYPE + "extensions.access_loggers.file.v3.FileAccessLog", "path": "/dev/full"}
    hosts = [
        {
            "name": name,
            "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": cluster}}],
        }
    ]
    router = {"@type": _TYPE + "extensions.filters.http.router.v3.Router"}
    manager = {
        "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "access_log": [{"name": "envoy.access_loggers.file", "typed_config": full}] if port == 0 else [],
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": _MANAGER, "typed_config": manager}]}],
    }
