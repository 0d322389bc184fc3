"""What became of a request: decision and reason, from Envoy's code, detail and flags (pure).

The decision is that of the gateway which wrote the row. What an upstream, or a partner's gateway, answered is
the row's ``status``: an answer of 403 that came from there was still allowed by us.
"""

from typing import NamedTuple

# Envoy's response flags, documented under "access log formatters", and our stable words for them.
_REFUSED = {
    "NR": "unknown_resource",  # no route
    "NC": "unknown_resource",  # a route to a resource that does not exist
    "RL": "rate_limited",
    "UAEX": "not_granted",
}
_FAILED = {
    "UH": "no_healthy_node",  # none there, or the circuits of all are open
    "UF": "connection_failed",
    "UO": "too_many_requests_in_flight",
    "UT": "timeout",
    "UC": "connection_lost",
    "UR": "connection_lost",
    "LR": "connection_lost",
    "LH": "no_healthy_node",
    "URX": "retries_exhausted",
    "DC": "caller_left",
    "DPE": "protocol_error",
    "UPE": "protocol_error",
    "SI": "timeout",
    "DT": "timeout",
    "UMSDR": "timeout",
    "OM": "overloaded",
    "DF": "name_not_resolved",
}

_CLIENT_ERROR = 400
_FORBIDDEN = 403
_REQUEST_TIMEOUT = 408
_TOO_MANY = 429
_SERVER_ERROR = 500


class Verdict(NamedTuple):
    """``allowed``, ``denied`` or ``failed``, and a stable word for the reason (empty when all went well)."""

    decision: str
    reason: str


def judge(code: int, detail: str, flags: str, *, rbac_result: str = "") -> Verdict:
    """Decide from the response's code (0: none was sent), its details and flags, and RBAC's result."""
    if rbac_result == "denied" or detail.startswith("rbac_access_denied"):
        return Verdict("denied", "not_granted")
    if detail == "via_upstream":
        return Verdict("allowed", _upstream_reason(code))
    words = flags.split(",")
    for known, decision in ((_REFUSED, "denied"), (_FAILED, "failed")):
        for flag in words:
            if flag in known:
                return Verdict(decision, known[flag])
    return _by_code(code)


def _upstream_reason(code: int) -> str:
    if code >= _SERVER_ERROR:
        return "upstream_5xx"
    return "upstream_4xx" if code >= _CLIENT_ERROR else ""


def _by_code(code: int) -> Verdict:
    """For answers that Envoy made itself without a flag."""
    if code == 0:
        return Verdict("failed", "no_answer")
    if code < _CLIENT_ERROR:
        return Verdict("allowed", "")
    if code == _REQUEST_TIMEOUT:
        return Verdict("failed", "timeout")
    if code >= _SERVER_ERROR:
        return Verdict("failed", "gateway_error")
    named = {_FORBIDDEN: "not_granted", _TOO_MANY: "rate_limited"}
    return Verdict("denied", named.get(code, "bad_request"))
