"""One crossing as both of its gateways can write it, and its keyed hashes (pure).

An audit row is a crossing when its request reached, or may have reached, the partner. All in it is known to
both sides; which side called is a value like the others, so both make the same of it.

Of a crossing an item is made: 16 bytes that stand for the correlation id and 16 for the rest. The key is new
for each comparison, so items tell nobody anything who does not know the crossing, cannot be computed before
the comparison, and cannot be compared with those of another day. ``store/crossings.py`` has the same as SQL;
a contract suite holds the two together.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.reconciliation import FIELDS, UNANSWERED, Crossing

KEY_BYTES = 32
HALF = 16  # bytes of each half of an item
ITEM = 2 * HALF

MAY_HAVE_CROSSED = (
    "caller_left",
    "connection_lost",
    "no_answer",
    "protocol_error",
    "retries_exhausted",
    "timeout",
)
"""Reasons of the audit (audit/verdict.py) after which the caller cannot know whether the partner saw it."""

REQUESTS = (EventType.CROSS_ORG_REQUEST, EventType.CROSS_ORG_REQUEST_DENIED)
VIA_UPSTREAM = "via_upstream"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HASHED = "#"  # before a value that is a keyed hash
_CLEAR = "="


def partner_of(event: AuditEvent) -> str:
    """The other organisation of a request; for other events the one that is named as who acted.

    A group has a name of ours, and the node that was asked says whose it was.
    """
    if event.direction == "egress":
        return event.target_node.partition("@")[2] or event.resource.partition("@")[2]
    return event.principal_org


def is_request(event: AuditEvent) -> bool:
    """Whether a row is about a request that a partner may know of."""
    return event.event_type in REQUESTS and bool(event.correlation_id) and bool(event.direction)


def crossed(event: AuditEvent) -> bool:
    """Whether the partner saw the request, or may have: a node was chosen, then it was lost."""
    if not is_request(event):
        return False
    if event.direction == "ingress" or event.metadata.get("detail") == VIA_UPSTREAM:
        return True
    return bool(event.metadata.get("upstream")) and event.reason in MAY_HAVE_CROSSED


def crossing_of(event: AuditEvent, own: TrustDomain) -> Crossing:
    """What a row says of a request, in the words that both sides have."""
    values = {
        "caller": event.principal_org,
        "method": event.action,
        "outcome": str(event.status) if _answered(event) else UNANSWERED,
        "path": event.metadata.get("path", ""),
        "principal": event.principal,
        "resource": _resource(event, own),
    }
    return Crossing(event.correlation_id, event.timestamp, values)


def _answered(event: AuditEvent) -> bool:
    if event.direction == "ingress":
        return bool(event.status) and event.reason != "caller_left"
    return bool(event.status) and event.metadata.get("detail") == VIA_UPSTREAM


def _resource(event: AuditEvent, own: TrustDomain) -> str:
    """As the partner calls it: a member of a group offers it by the group's name, which is its own there."""
    if not event.resource:
        return _resource_of_host(event, own)
    if event.direction != "egress":
        return event.resource
    return f"{event.resource.partition('@')[0]}@{partner_of(event)}"


def _resource_of_host(event: AuditEvent, own: TrustDomain) -> str:
    """A host that no route matched still says what the caller meant."""
    host = event.metadata.get("host", "").partition(":")[0]
    name = host.removesuffix(f".{own}")
    return f"{name}@{own}" if name and name != host else ""


def id_hash(correlation_id: str, key: bytes) -> bytes:
    """The first half of an item."""
    return sha256(key + b"\0" + correlation_id.encode()).digest()[:HALF]


def item(crossing: Crossing, key: bytes, fields: Sequence[str] = FIELDS) -> bytes:
    """What stands for a crossing in a comparison of ``fields`` (in the order of FIELDS)."""
    texts = [crossing.values[name].encode() for name in fields]
    body = b"".join(b"%d:%b" % (len(text), text) for text in texts)
    return id_hash(crossing.correlation_id, key) + sha256(key + b"\1" + body).digest()[:HALF]


def raw_item(crossing: Crossing, key: bytes, fields: Sequence[str] = FIELDS) -> bytes:
    """The same with the time between the halves, as ``record_set.Gatherer`` takes it."""
    whole = item(crossing, key, fields)
    microseconds = (crossing.timestamp - _EPOCH) // timedelta(microseconds=1)
    return whole[:HALF] + microseconds.to_bytes(8, signed=True) + whole[HALF:]


def shown(crossing: Crossing, key: bytes, home: frozenset[str]) -> dict[str, str]:
    """The values as a partner may see them: those that stay at ``home`` as keyed hashes."""
    return {
        name: _HASHED + _hash(name, value, key) if name in home else _CLEAR + value
        for name, value in crossing.values.items()
    }


def differing(
    ours: Crossing, theirs: Mapping[str, str], key: bytes, fields: Sequence[str]
) -> tuple[str, ...]:
    """The names of the fields in which a partner's ``shown`` values differ from ours."""
    return tuple(name for name in fields if not _same(name, ours.values[name], theirs.get(name, ""), key))


def _same(name: str, value: str, shown_value: str, key: bytes) -> bool:
    if shown_value.startswith(_HASHED):
        return shown_value == _HASHED + _hash(name, value, key)
    return shown_value == _CLEAR + value


def readable(shown_values: Mapping[str, str]) -> dict[str, str]:
    """A partner's values for people: hashes stay marked as such."""
    return {
        name: value[1:] if value.startswith(_CLEAR) else "(kept at home)"
        for name, value in shown_values.items()
    }


def _hash(name: str, value: str, key: bytes) -> str:
    return sha256(key + b"\2" + name.encode() + b"\0" + value.encode()).hexdigest()[: 2 * HALF]
