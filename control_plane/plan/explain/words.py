"""What the codes of denials and failures mean, and what would change them."""

from control_plane.model.problem import Problem

WORDS: dict[str, tuple[str, str]] = {
    "not_granted": (
        "no grant lets this identity do this",
        "proxenia explain --request <id> says which; then add or extend a grant",
    ),
    "deny:default": (
        "the identity of the certificate is not among those that may use the resource",
        "register the partner's node, and grant the resource: proxenia grant add",
    ),
    "deny:capability": (
        "the identity may use the resource, but not with this method, path or tool",
        "call what is granted (proxenia grant list), or extend the grant",
    ),
    "deny:certificate": (
        "the certificate was revoked by us, whoever it names",
        "the partner's gateway needs a new certificate",
    ),
    "denied_then": (
        "it was denied when it came; by what is in force now it would pass",
        "send it again",
    ),
    "denied_by_partner": (
        "the partner's gateway refused it (403): nothing there is granted to us for this",
        "ask the partner for a grant; the id of the request is the same in its audit",
    ),
    "unknown_resource": (
        "no resource of that name is configured",
        "correct the name (proxenia resource list), or add the resource",
    ),
    "rate_limited": ("the caller reached its limit", "wait for the time that `retry-after` told"),
    "limit_reached": (
        "the caller reached its limit at this resource",
        "wait for the time that `retry-after` told, or give it a greater limit",
    ),
    "no_healthy_node": (
        "no node was healthy: none is there, all are drained, or the circuits of all are open",
        "proxenia explain <resource> --live",
    ),
    "connection_failed": (
        "no connection to the partner's node came up, or its certificate was not the expected one",
        "look at the detail in the audit row; proxenia explain <resource> --live",
    ),
    "handshake_failed": (
        "the TLS handshake failed: the certificate is missing, or the partner's anchors do not verify it",
        "compare the partner's bundle (proxenia bundle list) with the certificate's issuer",
    ),
    "connection_lost": ("the connection ended before the answer was complete", "see the partner's gateway"),
    "retries_exhausted": ("every attempt failed", "see the partner's nodes: proxenia explain <resource>"),
    "timeout": ("the answer took too long", "see the service, or give the resource a longer time-out"),
    "too_many_requests_in_flight": (
        "more requests were in flight than the circuit breaker's limits allow",
        "call less at once, or raise the limits",
    ),
    "name_not_resolved": ("the name of the upstream was not resolved", "send addresses instead of names"),
    "overloaded": ("the gateway sheds load", "give it more memory, or another gateway beside it"),
    "protocol_error": ("one side broke the HTTP protocol", "see the audit row's detail"),
    "caller_left": ("the caller went away before the answer", "nothing, or a longer time-out at the caller"),
    "bad_request": (
        "the gateway refused how the request was written: a path, a header, or a body that is no MCP message",
        "see the audit row's detail",
    ),
    "upstream_5xx": ("the service itself failed", "see the service's own log"),
    "upstream_4xx": ("the service itself refused it", "see the service's own log"),
    "gateway_error": ("the gateway could not answer", "see the audit row's detail"),
    "no_answer": ("the connection ended without an answer", "see the audit row's detail"),
    "agreement_paused": ("the agreement with the partner is paused", "proxenia agreement resume"),
    "agreement_revoked": (
        "the agreement with the partner was revoked",
        "talk with its operator; if it was a mistake, proxenia agreement set <partner> --state trusted",
    ),
    "agreement_pending": ("the agreement waits for approval", "compare fingerprints, then approve it"),
    "agreement_missing": ("there is no agreement with the partner", "proxenia invite, or join"),
    "wrong_method": ("the grant names other HTTP methods", "call with one of them, or extend the grant"),
    "path_not_granted": ("the grant names other paths", "call below one of them, or extend the grant"),
    "tool_not_granted": ("the grant names other tools", "call one of them, or extend the grant"),
    "no_grant": ("nothing is granted to this identity", "proxenia grant add"),
    "certificate_expired": ("a certificate has ended", "its gateway has to renew it"),
    "crl_expired": ("the revocation list of an authority has ended", "proxenia bundle crl set"),
    "circuit_open": ("the circuits to all nodes are open", "proxenia circuit reset, or wait"),
    "node_drained": ("all nodes are being drained", "proxenia node undrain"),
    "configuration_refused": ("Envoy refused the configuration", "see proxenia diff"),
    "gateway_disconnected": ("no gateway of ours is connected", "proxenia gateway run"),
    "name_gone": ("discovery does not see the node any more", "ask the partner, or add the node by hand"),
}


def meaning(code: str) -> Problem | None:
    """What ``code`` means; None when it is not one of ours."""
    words = WORDS.get(code)
    return Problem(f"code {code}", code, *words) if words else None
