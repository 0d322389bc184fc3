"""One line of an Envoy log becomes one audit event, or a stated reason why it cannot (pure).

The formats are those that ``translate`` configures for the access and listener logs, and Envoy's own for the
outlier log (its ``OutlierDetectionEvent``). Who reports is given by the caller, never by the line.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1

from control_plane.audit.fields import Line, LineError
from control_plane.audit.target import target
from control_plane.audit.verdict import judge
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError

STREAMS = ("access", "listener", "outlier", "health")

_NAMESPACE = uuid.UUID("6f7a5f0e-4f0b-5d0c-9a53-0d1f3f2b7c11")  # of our event ids, for ever
_ROW = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")
_MAX_CODE = 999
_DIRECTIONS = ("ingress", "egress")
_CIRCUITS = {"EJECT": EventType.CIRCUIT_OPENED, "UNEJECT": EventType.CIRCUIT_CLOSED}
_DETAILS = ("host", "trace", "flags", "detail", "route", "upstream", "attempts", "cluster")
_VERDICTS = ("mcp", "shadow", "shadow_result")  # the MCP method; what shadow grants would have said


@dataclass(frozen=True, slots=True)
class Source:
    """Where lines come from: the gateway that wrote them, its organisation, the file's never reused name.

    ``query_key`` is what query strings are hashed with; without it nothing of them is kept.
    """

    reporter: str
    own: TrustDomain
    file: str
    query_key: bytes = b""

    @property
    def identity(self) -> str:
        """The SPIFFE id that this gateway shows to partners."""
        return f"spiffe://{self.own}/gateway/{self.reporter}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is no event. It is recorded as a gap, since it may have been one."""

    reason: str


def parse(stream: str, line: bytes, *, source: Source, offset: int) -> AuditEvent | Unreadable | None:
    """Read one line, without its end, that begins at ``offset``. None: nothing that the audit keeps."""
    try:
        fields = Line(line)
        if stream == "access":
            return _request(fields, source) if not fields.text("gap") else _gap(fields, source)
        if stream == "listener":
            return _handshake(fields, source)
        return (_circuit if stream == "outlier" else _checked)(fields, source, offset)
    except LineError as error:
        return Unreadable(str(error))


def _gap(line: Line, source: Source) -> AuditEvent:
    """What the agent itself says was lost, or held up; Envoy writes no such member."""
    row = _row(line)
    return AuditEvent(
        event_id=event_id(source.reporter, row),
        reporter=source.reporter,
        row_id=row,
        timestamp=_time(line, "ts"),
        event_type=EventType.GAP,
        reason=line.text("gap", 64),
        metadata=line.facts("facts"),
    )


def event_id(reporter: str, row_id: str) -> str:
    """The same for every arrival of the same row (RFC 9562 UUID version 5)."""
    digest = bytearray(
        sha1(_NAMESPACE.bytes + f"{reporter}\n{row_id}".encode(), usedforsecurity=False).digest()[:16]
    )
    digest[6] = digest[6] & 0x0F | 0x50  # the version
    digest[8] = digest[8] & 0x3F | 0x80  # the variant
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _request(line: Line, source: Source) -> AuditEvent:
    row, direction = _row(line), _direction(line)
    code = line.integer("code", _MAX_CODE) or 0
    verdict = judge(code, line.text("detail"), line.text("flags"), rbac_result=line.text("result"))
    denied = verdict.decision == "denied"
    inbound = direction == "ingress"
    principal = line.text("peer", 2048) if inbound else source.identity
    return AuditEvent(
        event_id=event_id(source.reporter, row),
        reporter=source.reporter,
        row_id=row,
        timestamp=_time(line, "ts"),
        event_type=EventType.CROSS_ORG_REQUEST_DENIED if denied else EventType.CROSS_ORG_REQUEST,
        direction=direction,
        correlation_id=line.text("rid"),
        source_node="" if inbound else source.reporter,
        target_node=source.reporter if inbound else line.text("target_node"),
        principal=principal,
        principal_org=_organisation(principal),
        resource=line.text("resource") or _resource_of_cluster(line.text("cluster"), source.own),
        capability=line.text("tool"),
        action=line.text("method", 64),
        decision=verdict.decision,
        reason=verdict.reason,
        policy_id=line.text("rbac"),
        status=code or None,
        duration_ms=line.integer("ms"),
        bytes=line.integer("bytes"),
        peer_serial=line.text("serial"),
        peer_fingerprint=line.text("cert"),
        # Of our own requests the peer is the partner's node that answered, which is not who asked.
        metadata=_metadata(
            line, (*_DETAILS, *_VERDICTS) if inbound else ("peer", *_DETAILS), target(line, source.query_key)
        ),
    )


def _handshake(line: Line, source: Source) -> AuditEvent | None:
    failure = line.text("failure")
    if not failure:
        return None  # a connection that came up; its requests are in the access log
    row, principal = _row(line), line.text("peer", 2048)
    return AuditEvent(
        event_id=event_id(source.reporter, row),
        reporter=source.reporter,
        row_id=row,
        timestamp=_time(line, "ts"),
        event_type=EventType.HANDSHAKE_FAILED,
        direction=_direction(line),
        target_node=source.reporter,
        principal=principal,  # only claimed: the handshake failed
        principal_org=_organisation(principal),
        decision="denied",
        reason=failure,
        peer_serial=line.text("serial"),
        peer_fingerprint=line.text("cert"),
        metadata=_metadata(line, ("remote", "detail")),
    )


def _circuit(line: Line, source: Source, offset: int) -> AuditEvent | None:
    event_type = _CIRCUITS.get(line.text("action"))
    if event_type is None:
        raise LineError("expected EJECT or UNEJECT as action")
    if event_type is EventType.CIRCUIT_OPENED and not line.is_true("enforced"):
        return None  # Envoy counted the failures, and goes on sending
    row = f"{source.file}:{offset}"  # Envoy gives these lines no id
    return AuditEvent(
        event_id=event_id(source.reporter, row),
        reporter=source.reporter,
        row_id=row,
        timestamp=_time(line, "timestamp"),
        event_type=event_type,
        direction="egress",
        source_node=source.reporter,
        resource=_resource_of_cluster(line.text("cluster_name"), source.own),
        reason=line.text("type").lower(),
        metadata=_metadata(line, ("cluster_name", "upstream_url", "num_ejections")),
    )


def _checked(line: Line, source: Source, offset: int) -> AuditEvent | None:
    """What active checks of a node began to find; the same again is not written."""
    failed = line.part("eject_unhealthy_event") or line.part("health_check_failure_event")
    if failed is None and line.part("add_healthy_event") is None:
        return None
    row = f"{source.file}:{offset}"  # Envoy gives these lines no id
    facts: Line | None = line
    for name in ("metadata", "filter_metadata", "proxenia"):
        facts = facts.part(name) if facts else None
    return AuditEvent(
        event_id=event_id(source.reporter, row),
        reporter=source.reporter,
        row_id=row,
        timestamp=_time(line, "timestamp"),
        event_type=EventType.NODE_CHECKED,
        direction="egress",
        source_node=source.reporter,
        target_node=facts.text("node") if facts else "",
        resource=_resource_of_cluster(line.text("cluster_name"), source.own),
        decision="failed" if failed else "allowed",
        reason=failed.text("failure_type").lower() if failed else "",
        metadata=_metadata(line, ("cluster_name",)),
    )


def _row(line: Line) -> str:
    row = line.text("row")
    if not _ROW.match(row):
        raise LineError("expected the row's id as row, got none or a bad one")
    return row


def _direction(line: Line) -> str:
    direction = line.text("dir")
    if direction not in _DIRECTIONS:
        raise LineError("expected ingress or egress as dir, got something else")
    return direction


def _time(line: Line, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(line.text(name))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise LineError(f"expected a time as {name}, got none or a bad one") from error


def _organisation(principal: str) -> str:
    """The principal's trust domain; empty when it is no single SPIFFE id (a certificate may have two)."""
    try:
        return SpiffeId(principal).trust_domain
    except InvalidValueError:
        return ""


def _resource_of_cluster(cluster: str, own: TrustDomain) -> str:
    """``orders@b.example`` from ``to/orders.b.example``; of ``local/orders`` and of groups with our name."""
    kind, _, host = cluster.partition("/")
    if kind == "to" and "." in host:
        name, _, organisation = host.partition(".")
        return f"{name}@{organisation}"
    if kind == "group":
        return f"{host.partition('.')[0]}@{own}"
    return f"{host}@{own}" if kind == "local" and host else ""


def _metadata(line: Line, names: tuple[str, ...], more: Mapping[str, str] = {}) -> dict[str, str]:
    found = {**more, **{name: line.text(name) for name in names}}
    if line.cut:
        found["truncated"] = ",".join(sorted(set(line.cut)))
    return {name: value for name, value in found.items() if value}
