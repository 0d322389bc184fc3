"""The minutes of ports/traffic.py in PostgreSQL: one statement over the rows of that time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from control_plane.chain.crossing import REQUESTS
from control_plane.ports.traffic import MAX_PARTNERS, Count, Minute
from control_plane.store.crossings import PARTNER
from control_plane.store.pool import Pool

WITHIN = 2.0  # seconds

_REQUEST = f"event_type IN ({', '.join(repr(str(one)) for one in REQUESTS)})"
_MINUTES = f"""
SELECT at, partner, grouping(partner) = 1 AS whole,
    count(*) AS requests,
    count(*) FILTER (WHERE decision = 'denied') AS denied,
    count(*) FILTER (WHERE decision = 'failed') AS failed,
    percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY duration_ms) AS latency
FROM (
    SELECT date_trunc('minute', timestamp) AS at, {PARTNER} AS partner, decision, duration_ms
    FROM audit_events WHERE timestamp >= $1 AND timestamp < $2 AND {_REQUEST}
) AS requests
GROUP BY GROUPING SETS ((at), (at, partner)) ORDER BY at, whole DESC, requests DESC, partner
"""  # noqa: S608 - only names of ours are put in


class PostgresMinutes:
    """Implements ports.traffic.TrafficMinutes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def minutes(self, since: datetime, until: datetime) -> Sequence[Minute]:
        """Every minute with requests, in order."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_MINUTES, since, until, timeout=WITHIN)
        found: list[Minute] = []
        partners: dict[str, Count] = {}
        for row in rows:
            if row["whole"]:
                partners = {}
                p50, p99 = row["latency"] or (None, None)
                found.append(Minute(at=row["at"], count=_count(row), p50=p50, p99=p99, partners=partners))
            elif len(partners) < MAX_PARTNERS:
                partners[row["partner"]] = _count(row)
        return found


def _count(row: Any) -> Count:  # noqa: ANN401 - asyncpg's Record has no types
    return Count(row["requests"], row["denied"], row["failed"])
