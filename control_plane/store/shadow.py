"""Verdicts of shadow grants in PostgreSQL: ports/shadow.py."""

from datetime import datetime

from control_plane.ports.shadow import ShadowCount
from control_plane.store.pool import Pool

# By the index of resource and time; what is looked at are the requests to one resource.
_COUNT = """
SELECT count(*) AS would_allow, count(*) FILTER (WHERE decision = 'denied') AS denied, max(timestamp) AS last
FROM audit_events
WHERE resource = $2 AND timestamp >= $3
    AND metadata ->> 'shadow' = $1 AND metadata ->> 'shadow_result' = 'allowed'
"""


class PostgresShadowCounts:
    """Implements ports.shadow.ShadowCounts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def count(self, grant: str, resource: str, *, since: datetime) -> ShadowCount:
        """For the grant with this id, at the resource ``name@organisation`` that it is for."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_COUNT, grant, resource, since)
        return ShadowCount(row["would_allow"], row["denied"], row["last"])
