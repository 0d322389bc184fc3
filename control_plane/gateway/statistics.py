"""Which of Envoy's statistics exist at all (pure).

Every cluster makes hundreds of counters, and with 10,000 clusters making them is most of the time and
memory of a load. So only those that an alert, a dashboard or ``status`` reads are kept; the list is the one
place that decides.
"""

from typing import Any

_PREFIXES = (
    "server.",
    "control_plane.",  # connected_state: 0 means that the control plane is lost
    "cluster_manager.",  # warming_clusters, cds.update_rejected
    "listener_manager.",  # lds.update_rejected, total_listeners_draining
    "sds.",  # update_rejected, version_text of every secret
    "filesystem.",  # write_failed: audit lines that did not reach the disk
    "overload.",
    "cluster.xds_cluster.",
)

_SUFFIXES = (
    # The callers and their requests, for each listener.
    ".downstream_cx_total",
    ".downstream_cx_active",
    ".downstream_cx_overflow",
    ".downstream_cx_overload_reject",
    ".downstream_global_cx_overflow",
    ".downstream_rq_total",
    ".downstream_rq_active",
    ".downstream_rq_2xx",
    ".downstream_rq_4xx",
    ".downstream_rq_5xx",
    ".downstream_rq_time",
    ".no_filter_chain_match",
    # The partners and upstreams, for each cluster.
    ".upstream_cx_active",
    ".upstream_cx_total",
    ".upstream_cx_connect_fail",
    ".upstream_cx_overflow",
    ".upstream_rq_total",
    ".upstream_rq_active",
    ".upstream_rq_2xx",
    ".upstream_rq_4xx",
    ".upstream_rq_5xx",
    ".upstream_rq_timeout",
    ".upstream_rq_retry",
    ".upstream_rq_retry_overflow",
    ".upstream_rq_pending_overflow",
    ".membership_healthy",
    ".membership_total",
    ".lb_healthy_panic",
    ".default.rq_open",
    # What was refused of what the control plane sent: routes (rds) and endpoints (cluster.<name>).
    ".update_rejected",
    ".update_success",
    # Identities: who was refused and why, what expires when, which secret is missing.
    ".ssl.handshake",
    ".ssl.connection_error",
    ".ssl.fail_verify_error",
    ".ssl.fail_verify_no_cert",
    ".ssl.fail_verify_san",
    ".expiration_unix_time_seconds",
    ".ssl_context_update_by_sds",
    "_context_secrets_not_ready",
)

_CONTAINED = (
    ".outlier_detection.",  # open circuits, and the settings that would keep one from opening
    ".rbac.",  # allowed, denied, and the same of the shadow policy
    "http_local_rate_limit.",
)


def stats_config() -> dict[str, Any]:
    """Envoy's ``StatsConfig``: nothing but the lists above."""
    patterns = (
        *({"prefix": text} for text in _PREFIXES),
        *({"suffix": text} for text in _SUFFIXES),
        *({"contains": text} for text in _CONTAINED),
    )
    return {"stats_matcher": {"inclusion_list": {"patterns": list(patterns)}}}
