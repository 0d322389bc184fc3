"""What the gateway of this machine says of itself, over its Envoy's admin socket.

Only whoever may read the state directory can ask: the socket is its owner's alone, and nothing is opened for
others.
"""

import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

_SECONDS = 5.0
_DUMPS = {  # of Envoy's admin interface: what it dumps, and where the name stands
    "clusters": ("dynamic_active_clusters", "cluster"),
    "listeners": ("dynamic_listeners", "listener"),
    "routes": ("dynamic_route_configs", "route_config"),
    "secrets": ("dynamic_active_secrets", ""),
}
_MOST = 64  # clusters that are told of


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("envoy-admin", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))


def gateways_of(state_dir: Path) -> list[Path]:
    """Working directories of the gateways that ran here."""
    return sorted(path for path in (state_dir / "gateway").glob("*") if (path / "run").is_dir())


def read(directory: Path, path: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """What Envoy in this working directory answers. Raises a click error when it does not."""
    connection = _Unix(directory / "run" / "admin.sock")
    try:
        connection.request("GET", path)
        with connection.getresponse() as response:
            return json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise click.ClickException(
            f"Envoy of {directory.name} does not answer ({error}): is the gateway running here?"
        ) from error
    finally:
        connection.close()


def living(state_dir: Path, route: str) -> dict[str, Any]:
    """The clusters of ``route`` (``name@organisation``; empty: of the first ones) as the gateway has them."""
    found = gateways_of(state_dir)
    if not found:
        raise click.ClickException(f"no gateway ran in {state_dir}: ask on its machine, or name --state-dir")
    statuses = read(found[0], "/clusters?format=json").get("cluster_statuses", [])
    name, _, organisation = route.partition("@")
    wanted = {f"to/{name}.{organisation}", f"local/{name}"}
    parts = f"group/{name}.{organisation}/"
    chosen = [
        each
        for each in statuses
        if not route or each.get("name") in wanted or str(each.get("name")).startswith(parts)
    ]
    return {"gateway": found[0].name, "clusters": [_cluster(each) for each in chosen[:_MOST]]}


@dataclass(frozen=True, slots=True)
class Held:
    """The version that Envoy names, and the filter chains of a listener that is not being replaced."""

    version: str
    chains: list[str]


def versions(directory: Path) -> dict[str, dict[str, Held]]:
    """What Envoy has, by kind and name; of endpoints it tells no version."""
    found: dict[str, dict[str, Held]] = {}
    for kind, (resource, inner) in _DUMPS.items():
        entries = read(directory, f"/config_dump?resource={resource}").get("configs", [])
        found[kind] = {}
        for entry in entries:
            state = entry.get("active_state", entry) if kind == "listeners" else entry
            name = state.get(inner, entry).get("name", "") if inner else entry.get("name", "")
            if state.get("version_info"):
                found[kind][name] = Held(state["version_info"], _chains(entry))
    return found


def _chains(entry: dict[str, Any]) -> list[str]:
    if "warming_state" in entry:
        return []
    chains = entry.get("active_state", {}).get("listener", {}).get("filter_chains", [])
    return [str(chain.get("name", "")) for chain in chains]


def _cluster(status: dict[str, Any]) -> dict[str, Any]:
    return {"name": status["name"], "hosts": [_host(host) for host in status.get("host_statuses", [])]}


def _host(status: dict[str, Any]) -> dict[str, Any]:
    where = status.get("address", {}).get("socket_address", {})
    host, port = str(where.get("address", "")), where.get("port_value", 0)
    health = status.get("health_status", {})
    flags = [flag for flag, value in health.items() if value is True]
    return {"address": f"[{host}]:{port}" if ":" in host else f"{host}:{port}", "flags": flags}
