"""Counts over an in-memory audit that pass the same contract suite as the PostgreSQL ones."""

from datetime import datetime

from control_plane.ports.audit import AuditQuery
from control_plane.ports.shadow import ShadowCount
from tests.fakes.audit import FakeAudit


class FakeShadowCounts:
    """Implements ports.shadow.ShadowCounts."""

    def __init__(self, audit: FakeAudit) -> None:
        self._audit = audit

    async def count(self, grant: str, resource: str, *, since: datetime) -> ShadowCount:
        rows = await self._audit.query(AuditQuery(resource=resource, since=since, limit=10_000))
        wanted = {"shadow": grant, "shadow_result": "allowed"}
        found = [row for row in rows if wanted.items() <= row.metadata.items()]
        denied = sum(row.decision == "denied" for row in found)
        return ShadowCount(len(found), denied, max((row.timestamp for row in found), default=None))
