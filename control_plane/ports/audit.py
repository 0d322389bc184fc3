"""The store of audit rows, and of how far each gateway's logs have been taken over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from control_plane.model.audit import AuditEvent


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All bytes of ``file`` (a name that is never reused) before ``offset`` are in the audit."""

    gateway: str
    stream: str  # access, listener or outlier
    file: str
    offset: int


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Filters are joined by and; empty ones do not filter. Newest first, at most ``limit``."""

    correlation_id: str = ""
    principal: str = ""
    resource: str = ""
    reporter: str = ""
    decision: str = ""
    event_type: str = ""
    organisation: str = ""  # the other one: whom we called, or who called us
    capability: str = ""
    node: str = ""  # one of our gateways, or a partner's node that we called
    since: datetime | None = None
    until: datetime | None = None
    after: str = ""  # cursor: ``timestamp|event_id`` of the last row of the page before
    limit: int = 100


class AuditStore(Protocol):
    """Insert-only. Every method raises UnavailableError when the database cannot be reached."""

    async def append(self, events: Sequence[AuditEvent], checkpoint: Checkpoint | None = None) -> int:
        """Store each event once and move the checkpoint, in one transaction; how many were new."""

    async def checkpoints(self, gateway: str) -> tuple[Checkpoint, ...]:
        """How far each of this gateway's streams has been taken over."""

    async def query(self, query: AuditQuery) -> list[AuditEvent]:
        """Rows that match."""

    async def until_stored(self, seen: int, *, within: float) -> int:
        """How often this process has stored rows, as soon as it is not ``seen`` any more; or in ``within`` s.

        Only a hint for who wants to look at once: what other processes store is not counted.
        """
