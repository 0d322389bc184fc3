"""What Consul's answers say: pure, and bounded whatever is in them.

Sources: Consul's HTTP API, health endpoints (shape of an instance), and its page on blocking queries (index).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from control_plane.discovery.txt import Description, describe
from control_plane.kit import strict_json
from control_plane.model.identity import shown
from control_plane.model.node import MAX_LABELS, MAX_TEXT
from control_plane.model.problem import InvalidValueError, Problem
from control_plane.model.sighting import Candidate, RawEndpoint
from control_plane.ports.source import MAX_CANDIDATES, Seen

MAX_REFUSED = 100  # told one by one; what is beyond is only counted
MAX_FIELD = 2048  # characters of any text: the longest that means something is a SPIFFE id
MAX_META = 64  # pairs; Consul takes no more
TAGS = "consul-tags"
_HINT = "correct the service's registration in Consul"
_INDEX_DIGITS = 20


class BadAnswerError(Exception):
    """The answer is none of Consul's: one clause for an operator."""


def next_index(header: str | None, previous: int) -> int:
    """What to ask with next. BadAnswerError when there is no index, or when it went back.

    After one that went back (a restored or replaced server) the next question starts at 0, for what was said
    meanwhile may be older than what is known.
    """
    if header is None or not header.isascii() or not header.isdecimal() or len(header) > _INDEX_DIGITS:
        raise BadAnswerError("expected X-Consul-Index in the answer, got none: is it Consul that answers?")
    index = int(header)
    if index < previous:
        raise BadAnswerError(f"expected an index from {previous} on, got {index}: the server was replaced")
    return max(1, index)  # with 0 the next question would not wait


def read(body: bytes, *, most: int = MAX_CANDIDATES) -> Seen:
    """The instances in an answer of ``/v1/health/service``. BadAnswerError when it is no such list."""
    found: dict[tuple[str, str, str], list[Candidate]] = {}
    refused: list[Problem] = []
    try:
        for entry in strict_json.elements(body, most=len(body)):
            candidate = _candidate(entry)
            if isinstance(candidate, Problem):
                refused.append(candidate)
                continue
            key = (candidate.node_id, candidate.organisation, candidate.spiffe_id)
            found.setdefault(key, []).append(candidate)
    except strict_json.StrictJsonError as error:
        raise BadAnswerError(f"expected a list of instances: {error}") from error
    refused.sort(key=lambda problem: (problem.subject, problem.detail))
    left_out = max(0, len(found) - most) + max(0, len(refused) - MAX_REFUSED)
    candidates = tuple(_joined(found[key]) for key in sorted(found)[:most])
    return Seen(candidates, tuple(refused[:MAX_REFUSED]), left_out)


def _joined(instances: list[Candidate]) -> Candidate:
    """One node that several agents know: its addresses together, the rest of the first by name."""
    first = min(
        instances, key=lambda one: (one.subject, one.region, one.version, one.resources, one.metadata)
    )
    return replace(first, endpoints=tuple(sorted({each for one in instances for each in one.endpoints})))


def _candidate(entry: object) -> Candidate | Problem:
    service = _part(entry, "Service")
    identity = _part(service, "ID")
    subject = shown(identity) if identity else "an instance"
    try:
        return _read_instance(service, _part(entry, "Node"))
    except InvalidValueError as error:
        return Problem(subject, error.code, error.detail, _HINT)


def _part(document: object, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    return document.get(name) if isinstance(document, Mapping) else None


def _read_instance(service: object, agent: object) -> Candidate:
    if not isinstance(service, Mapping):
        raise InvalidValueError("unreadable_record", f"expected a Service, got {shown(service)}")
    identity = _text(service, "ID")
    said = _describe(_part(service, "Meta"))
    weights = _part(service, "Weights")
    endpoint = RawEndpoint(
        _text(service, "Address") or _text(agent, "Address"),
        _number(service, "Port"),
        weight=max(1, _number(weights, "Passing", absent=1)),
    )
    tags = _tags(_part(service, "Tags"))
    return Candidate(
        subject=identity,
        node_id=said.node_id or identity,
        organisation=said.organisation,
        spiffe_id=said.spiffe_id,
        endpoints=(endpoint,),
        region=said.region or _text(agent, "Datacenter"),
        version=said.version,
        resources=said.resources,
        metadata=said.metadata + (((TAGS, tags),) if tags and TAGS not in dict(said.metadata) else ()),
    )


def _describe(meta: object) -> Description:
    """Consul's service meta, by the keys of a TXT record."""
    if meta is None:
        meta = {}
    if not isinstance(meta, Mapping) or len(meta) > MAX_META:
        raise InvalidValueError("unreadable_record", f"expected at most {MAX_META} pairs of Meta")
    keys = {name.lower(): _octets(_text(meta, name)) for name in sorted(meta)}
    said = describe(keys)
    return replace(said, metadata=said.metadata[: MAX_LABELS - 1])  # one place is for the tags


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a lone surrogate is no UTF-8, and is refused as such


def _text(document: object, name: str) -> str:
    value = _part(document, name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_FIELD:
        raise InvalidValueError(
            "unreadable_record",
            f"expected {shown(name)} of at most {MAX_FIELD} characters, got {shown(value)}",
        )
    return value


def _number(document: object, name: str, *, absent: int = 0) -> int:
    value = _part(document, name)
    if value is None:
        return absent
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValueError("unreadable_record", f"expected a number in {name}, got {shown(value)}")
    return value


def _tags(tags: object) -> str:
    """As many tags as a label holds, in order."""
    if tags is None:
        return ""
    if not isinstance(tags, list):
        raise InvalidValueError("unreadable_record", f"expected a list of Tags, got {shown(tags)}")
    kept = ""
    for tag in sorted(set(_printable(tags))):
        longer = f"{kept},{tag}" if kept else tag
        if len(longer) > MAX_TEXT:
            break
        kept = longer
    return kept


def _printable(tags: Iterable[object]) -> Iterable[str]:
    return (tag for tag in tags if isinstance(tag, str) and tag.isprintable() and len(tag) <= MAX_TEXT)
