"""Which of Envoy's statistics exist at all (pure).

Every cluster makes hundreds of counters, and with 10,000 clusters making them is most of the time and
memory of a load. So only those that an alert, a dashboard or ``status`` reads are kept; the list is the one
place that decides.
"""

from typing import Any, Literal, NamedTuple


class Group(NamedTuple):
    """Statistics of one meaning, and where in their names the texts have to be."""

    about: str
    where: Literal["prefix", "suffix", "contains"]
    texts: tuple[str, ...]


GROUPS = (
    Group(
        "Envoy itself; what it took of its configuration; audit lines that did not reach the disk",
        "prefix",
        (
            "server.",
            "control_plane.",  # connected_state: 0 means that the control plane is lost
            "cluster_manager.",  # warming_clusters, cds.update_rejected
            "listener_manager.",  # lds.update_rejected, total_listeners_draining
            "sds.",  # update_rejected, version_text of every secret
            "filesystem.",  # write_failed: audit lines that did not reach the disk
            "overload.",
            "cluster.xds_cluster.",
        ),
    ),
    Group(
        "The callers and their requests, for each listener",
        "suffix",
        (
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
        ),
    ),
    Group(
        "The partners and upstreams, for each cluster",
        "suffix",
        (
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
        ),
    ),
    Group(
        "What was refused of what the control plane sent: routes (rds) and endpoints (cluster.<name>)",
        "suffix",
        (".update_rejected", ".update_success"),
    ),
    Group(
        "Identities: who was refused and why, what expires when, which secret is missing",
        "suffix",
        (
            ".ssl.handshake",
            ".ssl.connection_error",
            ".ssl.fail_verify_error",
            ".ssl.fail_verify_no_cert",
            ".ssl.fail_verify_san",
            ".expiration_unix_time_seconds",
            ".ssl_context_update_by_sds",
            "_context_secrets_not_ready",
        ),
    ),
    Group(
        "Open circuits, and the settings that would keep one from opening; what was allowed and denied, by"
        " the shadow policy too; limits",
        "contains",
        (".outlier_detection.", ".rbac.", "http_local_rate_limit."),
    ),
)


def stats_config() -> dict[str, Any]:
    """Envoy's ``StatsConfig``: nothing but the lists above."""
    patterns = [{group.where: text} for group in GROUPS for text in group.texts]
    return {"stats_matcher": {"inclusion_list": {"patterns": patterns}}}
