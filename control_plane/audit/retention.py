"""Rows leave by the day: whole partitions are dropped once they are old enough and their head is kept.

The audit says so itself before it is done, in a row of its own, so that verification knows what may be gone.
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import structlog

from control_plane.audit.events import event_id
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import control_plane_id
from control_plane.ports.audit import AuditStore
from control_plane.ports.audit_log import AuditLog
from control_plane.ports.errors import UnavailableError
from control_plane.ports.peering import Singleton

REPORTER = "control-plane"
RETIRE = "audit.retire"
EVERY = 3600.0  # seconds
_RETRY = 60.0
_AHEAD = 3  # days for which there are partitions already

_log = structlog.get_logger(__name__)


def own_event(own: TrustDomain, action: str, resource: str, *, at: datetime, **facts: str) -> AuditEvent:
    """What the control plane did of itself."""
    row = f"{action}:{resource}:{uuid.uuid4()}"
    return AuditEvent(
        event_id=event_id(REPORTER, row),
        reporter=REPORTER,
        row_id=row,
        timestamp=at,
        event_type=EventType.OPERATOR_ACTION,
        principal=control_plane_id(own),
        principal_org=own,
        resource=resource,
        action=action,
        decision="allowed",
        metadata=facts,
    )


@dataclass(slots=True, kw_only=True)
class Retention:
    """``run`` makes partitions ahead, and drops those of more than ``days`` days ago, until cancelled."""

    own: TrustDomain
    store: AuditStore
    log: AuditLog
    singleton: Singleton
    days: int
    now: Callable[[], datetime]
    _retired: date | None = None

    async def run(self) -> None:
        """Look every hour."""
        while True:
            pause = EVERY
            try:
                async with self.singleton.hold("audit retention") as lease:
                    while await lease.held():
                        await self.once()
                        await asyncio.sleep(EVERY)
            except UnavailableError as error:
                _log.info("audit_retention_interrupted", reason=str(error))
                pause = _RETRY
            await asyncio.sleep(pause)

    async def once(self) -> None:
        """Make the next days' partitions, and drop what is old; what is dropped, the audit says first."""
        now = self.now().astimezone(UTC)
        today = now.date()
        await self.log.prepare([today + timedelta(days=ahead) for ahead in range(_AHEAD)])
        until = today - timedelta(days=self.days)
        if self._retired == until:
            return
        if await self.log.aged(until):
            await self.store.append(
                [own_event(self.own, RETIRE, until.isoformat(), at=now, days=str(self.days))]
            )
            dropped = await self.log.retire(until)
            _log.info("audit_retired", until=until.isoformat(), partitions=dropped)
        self._retired = until
