"""Write the Grafana dashboards below envoy/grafana/ from the tables in this file.

    python tools/dashboards.py           write them
    python tools/dashboards.py --check   exit 1 when a written one differs

A dashboard in Grafana's own form is a thousand lines that nobody reads; here each panel is one.
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent.parent / "envoy" / "grafana"
COLUMNS, HEIGHT = 24, 7


class Panel(NamedTuple):
    """One picture: what it shows, the queries with their legends, the unit, and how wide it is of 24.

    ``colours`` says from which value on a single number has which colour: without it Grafana's own rule
    holds, by which 80 of anything are red.
    """

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    width: int = 8
    kind: str = "timeseries"
    colours: tuple[tuple[str, float | None], ...] = (("green", None),)


NONE_IS_BAD = (("red", None), ("green", 1.0))
ANY_IS_BAD = (("green", None), ("red", 1.0))
ANY_IS_WORTH_A_LOOK = (("green", None), ("orange", 1.0))
SOON_IS_BAD = (("red", None), ("green", 6 * 3600.0))  # as the alert ProxeniaLeafEndsSoon


def one(title: str, query: str, legend: str = "", *, unit: str = "short") -> Panel:
    """A curve, or one for each series, of a single query."""
    return Panel(title, ((query, legend),), unit)


def number(
    title: str,
    query: str,
    colours: tuple[tuple[str, float | None], ...] = (("green", None),),
    *,
    unit: str = "short",
) -> Panel:
    """One number, as it is now."""
    return Panel(title, ((query, ""),), unit, 4, "stat", colours)


def rate(metric: str, by: str, window: str = "1m") -> str:
    """Events a second of a counter, summed by a label."""
    return f"sum by ({by}) (rate({metric}[{window}]))"


def requests(title: str, clusters: str) -> Panel:
    """Requests a second to the clusters whose names begin so."""
    metric = f'envoy_cluster_upstream_rq_total{{envoy_cluster_name=~"{clusters}/.*"}}'
    name = "envoy_cluster_name"
    return Panel(title, ((rate(metric, name), f"{{{{{name}}}}}"),), "reqps", 12)


def latency(quantile: float) -> str:
    """A quantile of the milliseconds that requests take at the listeners."""
    return f"histogram_quantile({quantile}, {rate('envoy_http_downstream_rq_time_bucket', 'le', '5m')})"


CONTROL_PLANE = (
    number("Ready", "min(proxenia_ready)", NONE_IS_BAD, unit="bool_yes_no"),
    number("Gateways connected", "sum(proxenia_gateway_connected)", NONE_IS_BAD),
    number("Resources refused", 'sum(proxenia_gateway_resources{state="refused"})', ANY_IS_BAD),
    number("Problems", "sum(proxenia_problems) or vector(0)", ANY_IS_WORTH_A_LOOK),
    number("Partners silent", "sum(proxenia_partner_stale) or vector(0)", ANY_IS_WORTH_A_LOOK),
    number("Next to end", "min(proxenia_expiry_seconds)", SOON_IS_BAD, unit="s"),
    one("Objects", "proxenia_objects", "{{kind}}"),
    one("Problems by code", "proxenia_problems", "{{code}}"),
    one("Revision", "proxenia_revision", "{{instance}}"),
    one("Not acknowledged yet", 'proxenia_gateway_resources{state="in_flight"}', "{{gateway}} {{type}}"),
    one("Processor", "rate(process_cpu_seconds_total[5m])", "{{instance}}", unit="percentunit"),
    one("Memory", "process_resident_memory_bytes", "{{instance}}", unit="bytes"),
    Panel("What ends next", (("bottomk(20, proxenia_expiry_seconds)", "{{kind}} {{subject}}"),), "s", 24),
)
FEDERATION = (
    requests("Requests to partners", "to"),
    requests("Requests of partners", "local"),
    one(
        "Errors",
        'sum by (envoy_cluster_name) (rate(envoy_cluster_upstream_rq_xx{envoy_response_code_class="5"}[1m]))',
        "{{envoy_cluster_name}}",
        unit="reqps",
    ),
    one("Denied", "sum by (gateway) (rate(envoy_http_rbac_denied[1m]))", "{{gateway}}", unit="reqps"),
    one(
        "Open circuits",
        "envoy_cluster_outlier_detection_ejections_active",
        "{{gateway}} {{envoy_cluster_name}}",
    ),
    one("Healthy nodes", "envoy_cluster_membership_healthy", "{{gateway}} {{envoy_cluster_name}}"),
    one("Partner last heard", "proxenia_partner_heard_seconds", "{{organisation}}", unit="s"),
    one(
        "Refused handshakes of partners",
        "sum by (gateway) (rate(envoy_listener_ssl_fail_verify_error[5m]))",
        "{{gateway}}",
        unit="cps",
    ),
    one(
        "Wrong identities of partners",
        "sum by (envoy_cluster_name) (rate(envoy_cluster_ssl_fail_verify_san[5m]))",
        "{{envoy_cluster_name}}",
        unit="cps",
    ),
    one(
        "Requests over a partner's limit",
        "sum by (gateway) (rate(envoy_http_local_rate_limit_rate_limited[5m]))",
        "{{gateway}}",
        unit="reqps",
    ),
    one("Audits that differ", "proxenia_audit_differences_open", "{{organisation}}"),
    one("Gaps of the audit in 24 hours", "proxenia_audit_gaps", "{{gateway}}"),
    one("Nodes by source of discovery", "proxenia_discovery_source_nodes", "{{source}}"),
)
GATEWAY = (
    number(
        "Control plane connected",
        "min(envoy_control_plane_connected_state)",
        NONE_IS_BAD,
        unit="bool_yes_no",
    ),
    number("Clusters", "sum(envoy_cluster_manager_active_clusters)"),
    number("Waiting for configuration", "sum(envoy_cluster_manager_warming_clusters)", ANY_IS_WORTH_A_LOOK),
    number("Requests", "sum(rate(envoy_http_downstream_rq_total[1m]))", unit="reqps"),
    number("Connections", "sum(envoy_server_total_connections)"),
    number("Memory", "sum(envoy_server_memory_physical_size)", unit="bytes"),
    Panel(
        "Latency at the listeners",
        tuple((latency(quantile), str(quantile)) for quantile in (0.5, 0.95, 0.99)),
        "ms",
    ),
    one(
        "Requests in progress",
        "envoy_http_downstream_rq_active",
        "{{gateway}} {{envoy_http_conn_manager_prefix}}",
    ),
    one(
        "Answers by class",
        "sum by (envoy_response_code_class) (rate(envoy_http_downstream_rq_xx[1m]))",
        "{{envoy_response_code_class}}xx",
        unit="reqps",
    ),
    one(
        "Connections of callers",
        "envoy_http_downstream_cx_active",
        "{{gateway}} {{envoy_http_conn_manager_prefix}}",
    ),
    one("Audit lines not written", "rate(envoy_filesystem_write_failed[5m])", "{{gateway}}", unit="cps"),
    one(
        "Own certificate ends in",
        "envoy_listener_ssl_certificate_expiration_unix_time_seconds - time()",
        "{{gateway}}",
        unit="s",
    ),
)
DASHBOARDS = {"control-plane": CONTROL_PLANE, "federation": FEDERATION, "gateway": GATEWAY}
SOURCE = {"type": "prometheus", "uid": "${source}"}


def dashboard(name: str, panels: tuple[Panel, ...]) -> dict[str, Any]:
    """One dashboard in Grafana's form."""
    return {
        "uid": f"proxenia-{name}",
        "title": f"Proxenia: {name.replace('-', ' ')}",
        "tags": ["proxenia"],
        "schemaVersion": 39,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus"}]},
        "panels": _placed(panels),
    }


def _placed(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    placed, x, y = [], 0, 0
    for position, panel in enumerate(panels, start=1):
        height = 4 if panel.kind == "stat" else HEIGHT
        if x + panel.width > COLUMNS:
            x, y = 0, y + HEIGHT
        placed.append(_panel(panel, position, {"x": x, "y": y, "w": panel.width, "h": height}))
        x += panel.width
    return placed


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + index), "expr": query, "legendFormat": legend, "datasource": SOURCE}
        for index, (query, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "title": panel.title,
        "type": panel.kind,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "targets": targets,
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    if panel.kind != "stat":
        return {"unit": panel.unit, "min": 0} if panel.unit != "s" else {"unit": panel.unit}
    steps = [{"color": colour, "value": value} for colour, value in panel.colours]
    return {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}


def rendered() -> dict[Path, str]:
    """Every dashboard's file and text."""
    return {
        FOLDER / f"{name}.json": json.dumps(dashboard(name, panels), indent=1) + "\n"
        for name, panels in DASHBOARDS.items()
    }


def main() -> int:
    """Write, or compare."""
    stale = [path for path, text in rendered().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.name} is not what tools/dashboards.py makes: run it", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(rendered()[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
