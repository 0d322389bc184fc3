"""Writes to the audit who published a name that is not theirs.

Whoever does so can do it as often and in as many ways as they like. Of equal claims within an hour only the
first is written, and of one report at most a few word by word; how many more there were is written too.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid4, uuid5

import structlog

from control_plane.discovery.guard import CLAIMS
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem
from control_plane.ports.audit import AuditStore
from control_plane.ports.errors import UnavailableError

REPORTER = "control-plane"
WINDOW = timedelta(hours=1)
MAX_EVENTS = 20  # of one report
MAX_KEYS = 10_000  # claims remembered at a time
_EVENTS = uuid5(NAMESPACE_URL, "urn:proxenia:audit")

_log = structlog.get_logger()


class _Claim(NamedTuple):
    source: str
    subject: str
    code: str
    detail: str


class Claims:
    """``note`` is called with every report's refusals."""

    def __init__(self, audit: AuditStore, *, own: TrustDomain, now: Callable[[], datetime]) -> None:
        self._audit = audit
        self._own = own
        self._now = now
        self._written: dict[_Claim, datetime] = {}

    async def note(self, source: str, refused: Iterable[Problem]) -> None:
        """Write the claims among ``refused`` that are new. A refusal stays one when the audit is away."""
        now = self._now()
        claims = [_Claim(source, one.subject, one.code, one.detail) for one in refused if one.code in CLAIMS]
        fresh = [one for one in claims if now - self._written.get(one, now - WINDOW) >= WINDOW]
        if not fresh:
            return
        told, more = fresh[:MAX_EVENTS], len(fresh) - MAX_EVENTS
        events = [self._event(one, now, {"detail": one.detail}) for one in told]
        if more > 0:
            several = _Claim(source, source, "more_claims", "")
            events.append(self._event(several, now, {"more": str(more)}))
        _log.warning("names are claimed by others", source=source, count=len(fresh), first=told[0].subject)
        try:
            await self._audit.append(events)
        except UnavailableError as error:
            _log.error("claims could not be written to the audit", count=len(events), detail=str(error))
            return
        self._remember(fresh, now)

    def _remember(self, fresh: Iterable[_Claim], now: datetime) -> None:
        recent = {one: at for one, at in self._written.items() if now - at < WINDOW}
        recent.update(dict.fromkeys(fresh, now))
        self._written = dict(list(recent.items())[-MAX_KEYS:])

    def _event(self, claim: _Claim, now: datetime, metadata: dict[str, str]) -> AuditEvent:
        row_id = uuid4().hex
        return AuditEvent(
            event_id=str(uuid5(_EVENTS, f"{REPORTER}/{row_id}")),
            reporter=REPORTER,
            row_id=row_id,
            timestamp=now,
            event_type=EventType.CLAIM_REFUSED,
            principal=claim.source,
            principal_org=self._own,
            resource=claim.subject,
            action="discovery.claim",
            decision="denied",
            reason=claim.code,
            metadata=metadata,
        )
