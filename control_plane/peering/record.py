"""What peering writes to the audit: every deed before it is done, and every refusal.

Strangers can be refused as often as they like. Of equal refusals within a minute only the first is written at
once; the others are counted, and their number is written at the end of that minute: nothing is lost, and
nothing is flooded.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid4, uuid5

import structlog

from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.observe import origin
from control_plane.ports.audit import AuditStore
from control_plane.ports.errors import UnavailableError

REPORTER = "control-plane"
WINDOW = timedelta(minutes=1)
MAX_KEYS = 256  # different refusals remembered at a time
_EVENTS = uuid5(NAMESPACE_URL, "urn:proxenia:audit")
_DETAIL = 500  # characters
_OURS = (EventType.OPERATOR_ACTION, EventType.RECONCILIATION)  # done by us, not by a partner

_log = structlog.get_logger()


@dataclass(slots=True)
class Note:
    """What is known so far about something that a peer or an operator does."""

    action: str  # peering.join, peering.challenge …
    principal: str  # a remote address, or an operator
    organisation: str = ""  # the other organisation; as a peer claims, until it has proven it
    metadata: dict[str, str] = field(default_factory=dict)


class _Key(NamedTuple):
    action: str
    code: str
    organisation: str
    principal: str


@dataclass(slots=True)
class _Repeated:
    since: datetime
    times: int = 0


class Recorder:
    """Writes audit events. ``run`` is a task of its owner."""

    def __init__(self, audit: AuditStore, *, own: TrustDomain, now: Callable[[], datetime]) -> None:
        self._audit = audit
        self._own = own
        self._now = now
        self._seen: dict[_Key, _Repeated] = {}

    async def done(
        self, note: Note, *, event_type: EventType = EventType.OPERATOR_ACTION, reason: str = ""
    ) -> None:
        """Write what is about to be done; UnavailableError when it cannot be written: then do not do it.

        ``reason`` is what is wrong about something that was found rather than done.
        """
        key = _Key(note.action, reason, note.organisation, note.principal)
        await self._audit.append([self._event(key, event_type, note.metadata)])

    @asynccontextmanager
    async def refusals(self, action: str, principal: str) -> AsyncIterator[Note]:
        """Write the refusal that the block ends with, if it does."""
        note = Note(action, principal)
        try:
            yield note
        except InvalidValueError as error:
            await self._refused(note, error)
            raise

    async def run(self) -> None:
        """Write the numbers of repeated refusals, until cancelled."""
        while True:
            await asyncio.sleep(WINDOW.total_seconds())
            await self.settle()

    async def settle(self) -> None:
        """Write how often what was refused in the past minute was repeated."""
        now = self._now()
        over = {key: seen for key, seen in self._seen.items() if now - seen.since >= WINDOW}
        for key in over:
            del self._seen[key]
        events = [
            self._event(key, EventType.HANDSHAKE_FAILED, {"repeated": str(seen.times)})
            for key, seen in over.items()
            if seen.times
        ]
        if events:
            await self._append(events)

    async def _refused(self, note: Note, error: InvalidValueError) -> None:
        key = _Key(note.action, error.code, note.organisation, note.principal)
        if key not in self._seen and len(self._seen) >= MAX_KEYS:
            key = _Key(note.action, error.code, "", "")  # the many different ones are counted together
        seen = self._seen.get(key)
        if seen is not None:
            seen.times += 1
            return
        self._seen[key] = _Repeated(self._now())
        metadata = {**note.metadata, "detail": error.detail[:_DETAIL]}
        _log.warning("a peer was refused", action=key.action, code=key.code, organisation=key.organisation)
        await self._append([self._event(key, EventType.HANDSHAKE_FAILED, metadata)])

    async def _append(self, events: list[AuditEvent]) -> None:
        """A refusal stays one when the database is away; the log has it then."""
        try:
            await self._audit.append(events)
        except UnavailableError as error:
            _log.error("refusals could not be written to the audit", count=len(events), detail=str(error))

    def _event(self, key: _Key, event_type: EventType, metadata: dict[str, str]) -> AuditEvent:
        row_id, ours = uuid4().hex, event_type in _OURS
        return AuditEvent(
            event_id=str(uuid5(_EVENTS, f"{REPORTER}/{row_id}")),
            reporter=REPORTER,
            row_id=row_id,
            timestamp=self._now(),
            event_type=event_type,
            principal=key.principal,
            correlation_id=origin.request_id() if ours else "",
            principal_org=self._own if ours else key.organisation,
            resource=key.organisation,
            action=key.action,
            decision=_decision(key.code, event_type),
            reason=key.code,
            metadata=origin.facts() | metadata if ours else metadata,
        )


def _decision(code: str, event_type: EventType) -> str:
    if not code:
        return "allowed"
    return "failed" if event_type is EventType.RECONCILIATION else "denied"
