"""One record of a request or of a decision."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class EventType(StrEnum):
    """What an audit event records."""

    CROSS_ORG_REQUEST = "cross_org_request"
    CROSS_ORG_AUTHORIZATION = "cross_org_authorization"
    CROSS_ORG_REQUEST_DENIED = "cross_org_request_denied"
    HANDSHAKE_FAILED = "handshake_failed"
    NODE_TRUSTED = "node_trusted"
    NODE_REVOKED = "node_revoked"
    CIRCUIT_OPENED = "circuit_opened"
    CIRCUIT_CLOSED = "circuit_closed"
    NODE_CHECKED = "node_checked"
    GAP = "gap"
    CLAIM_REFUSED = "claim_refused"  # discovery: somebody published a name that is not theirs
    OPERATOR_ACTION = "operator_action"
    RECONCILIATION = "reconciliation"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """A row of the audit, identified by ``(reporter, row_id)``: arriving twice, it is stored once.

    ``reporter`` is the gateway (or ``control-plane``) that says so, by its certificate, never by the row.
    ``direction`` is ``ingress`` (a partner called us), ``egress`` (we called a partner) or empty.
    The log adds ``hash`` and ``previous_hash``; they are no part of what is recorded.
    """

    event_id: str  # UUID; made of reporter and row_id, so that it is the same on every arrival
    reporter: str
    row_id: str
    timestamp: datetime  # UTC
    event_type: EventType
    direction: str = ""
    correlation_id: str = ""
    source_node: str = ""
    target_node: str = ""
    principal: str = ""
    principal_org: str = ""
    resource: str = ""
    capability: str = ""
    action: str = ""
    decision: str = ""  # allowed, denied, failed or empty
    reason: str = ""
    policy_id: str = ""
    status: int | None = None
    duration_ms: float | None = None
    bytes: int | None = None
    peer_serial: str = ""
    peer_fingerprint: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    hash: str = ""  # of the chain at this row, in hex; both are empty until the row is sealed
    previous_hash: str = ""
