"""Changes of objects, none of which happens without an audit event.

The events are written *before* the change: when the audit cannot be written, nothing is changed. A change
that then fails gets further events with the same correlation id, so the audit may tell of more than
happened, never of less. Every write names the revision that was read, so that the digests of before and
after are the truth.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import structlog
from pydantic import TypeAdapter

from control_plane.admin.dependencies import Dependencies
from control_plane.admin.operation import Call
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.change import TYPES, Kind, Value
from control_plane.ports.errors import ConflictError, MissingError, UnavailableError
from control_plane.ports.objects import Mode, Stored, Write

_log = structlog.get_logger(__name__)

REPORTER = "control-plane"
EVENTS = uuid5(NAMESPACE_URL, "urn:proxenia:audit")
_SLICE = 250  # events made, and stored, without letting anything else run
_ADAPTERS: dict[Kind, TypeAdapter[Any]] = {kind: TypeAdapter(model) for kind, model in TYPES.items()}


def digest(kind: Kind, value: Value | None) -> str:
    """What an audit event says of a value: equal values have equal digests; empty for none."""
    if value is None:
        return ""
    document = _ADAPTERS[kind].dump_python(value, mode="json")
    return "sha256:" + sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Deed:
    """One change of one object: ``before`` is what was read, ``after`` None for a removal."""

    action: str
    kind: Kind
    key: str
    after: Value | None
    before: Stored | None = None
    blind: bool = False  # nothing was read: overwrite whatever there is

    def write(self) -> Write:
        """The write that does it, only if the object still is what was read."""
        if self.blind:
            return Write(self.kind, self.key, self.after, Mode.UPSERT)
        if self.before is None:
            return Write(self.kind, self.key, self.after, Mode.CREATE)
        mode = Mode.DELETE if self.after is None else Mode.REPLACE
        return Write(self.kind, self.key, self.after, mode, expected=self.before.revision)


async def perform(call: Call, deeds: Sequence[Deed]) -> int:
    """Audit and do all of ``deeds`` or none; the revision. Raises the ports' errors: nothing was changed."""
    await _record(call, deeds)
    writes = [deed.write() for deed in deeds]
    await asyncio.sleep(0)
    try:
        return await call.deps.objects.write(writes, actor=call.actor)
    except (ConflictError, MissingError, UnavailableError) as error:
        await _record(call, deeds, failure=type(error).__name__)
        raise


async def note(call: Call, action: str, resource: str) -> None:
    """Audit what is about to be done that changes no object. Raises UnavailableError: then it must not be."""
    event = _said(call.deps, call.request_id, action, via=call.via)
    await call.deps.audit.append([replace(event, principal=call.actor, resource=resource)])


async def note_refused(deps: Dependencies, request_id: str, action: str, *, via: str) -> None:
    """Audit that strangers were refused; a database that does not answer lets nobody in either."""
    event = replace(_said(deps, request_id, action, via=via), decision="denied")
    try:
        await deps.audit.append([event])
    except UnavailableError as error:
        _log.warning("audit_not_said", action=action, reason=str(error))


def _said(deps: Dependencies, request_id: str, action: str, *, via: str) -> AuditEvent:
    return event_of(
        deps,
        request_id,
        event_type=EventType.OPERATOR_ACTION,
        principal_org=deps.own,
        action=action,
        decision="allowed",
        metadata={"from": via} if via else {},
    )


def event_of(deps: Dependencies, request_id: str, row: str = "0", **facts: Any) -> AuditEvent:  # noqa: ANN401 - fields of AuditEvent by name
    """An event about what a request does; ``row`` tells those of one request apart."""
    row_id = f"{request_id}/{row}"
    return AuditEvent(
        event_id=str(uuid5(EVENTS, f"{REPORTER}/{row_id}")),
        reporter=REPORTER,
        row_id=row_id,
        timestamp=deps.now(),
        correlation_id=request_id,
        **facts,
    )


async def _record(call: Call, deeds: Sequence[Deed], *, failure: str = "") -> None:
    for first in range(0, len(deeds), _SLICE):
        part = deeds[first : first + _SLICE]
        await call.deps.audit.append([_event(call, first + n, deed, failure) for n, deed in enumerate(part)])
        await asyncio.sleep(0)


def _event(call: Call, number: int, deed: Deed, failure: str) -> AuditEvent:
    metadata = {"after": digest(deed.kind, deed.after)}
    if call.via:
        metadata["from"] = call.via
    if not deed.blind:
        metadata["before"] = digest(deed.kind, deed.before.value if deed.before else None)
    return event_of(
        call.deps,
        call.request_id,
        f"{number}/failed" if failure else f"{number}",
        event_type=EventType.OPERATOR_ACTION,
        principal=call.actor,
        principal_org=call.deps.own,
        resource=deed.key,
        action=f"{deed.kind}.{deed.action}",
        decision="failed" if failure else "allowed",
        reason=failure,
        metadata=metadata,
    )
