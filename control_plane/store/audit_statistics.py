"""The statistics of ports/audit_use.py in PostgreSQL, all of one moment."""

from datetime import datetime
from typing import Any

from control_plane.chain.crossing import REQUESTS
from control_plane.ports.audit_use import Latency, Share, Statistics
from control_plane.store.crossings import PARTNER
from control_plane.store.pool import Pool

TOP = 10
WITHIN = 20.0  # seconds a statement

_SPAN = "timestamp >= $1 AND timestamp < $2"
_REQUEST = f"event_type IN ({', '.join(repr(str(one)) for one in REQUESTS)})"
_COUNTS = """
count(*) AS requests,
count(*) FILTER (WHERE decision = 'denied') AS denied,
count(*) FILTER (WHERE decision = 'failed') AS failed
"""

_TOTALS = f"""
SELECT {_COUNTS},
    count(*) FILTER (WHERE decision = 'allowed') AS allowed,
    count(*) FILTER (WHERE decision = 'denied' AND reason = 'rate_limited') AS limited,
    coalesce(sum(bytes), 0)::bigint AS bytes,
    percentile_disc(ARRAY[0.5, 0.9, 0.99, 1]) WITHIN GROUP (ORDER BY duration_ms) AS latency
FROM audit_events WHERE {_SPAN} AND {_REQUEST}
"""  # noqa: S608 - only names of ours are put in

_OTHERS = f"""
SELECT count(*) FILTER (WHERE event_type = 'handshake_failed') AS handshakes_failed,
    count(*) FILTER (WHERE event_type = 'gap') AS gaps
FROM audit_events WHERE {_SPAN} AND event_type <> 'cross_org_request'
AND event_type IN ('handshake_failed', 'gap')
"""  # noqa: S608 - only names of ours are put in


def _top(name: str) -> str:
    return f"""
    SELECT {name} AS name, {_COUNTS} FROM audit_events WHERE {_SPAN} AND {_REQUEST}
    GROUP BY 1 ORDER BY requests DESC, name LIMIT {TOP}
    """  # noqa: S608 - only names of ours are put in


class PostgresStatistics:
    """Implements ports.audit_use.AuditStatistics."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def statistics(self, since: datetime, until: datetime) -> Statistics:
        """Count everything in this time."""
        async with self._pool.snapshot() as connection:
            totals = await connection.fetchrow(_TOTALS, since, until, timeout=WITHIN)
            others = await connection.fetchrow(_OTHERS, since, until, timeout=WITHIN)
            principals = await connection.fetch(_top("principal"), since, until, timeout=WITHIN)
            organisations = await connection.fetch(_top(PARTNER), since, until, timeout=WITHIN)
        p50, p90, p99, longest = totals["latency"] or (None,) * 4
        return Statistics(
            since=since,
            until=until,
            latency_ms=Latency(p50=p50, p90=p90, p99=p99, longest=longest),
            principals=tuple(_share(row) for row in principals),
            organisations=tuple(_share(row) for row in organisations),
            **{
                name: totals[name] for name in ("requests", "allowed", "denied", "failed", "limited", "bytes")
            },
            **dict(others),
        )


def _share(row: Any) -> Share:  # noqa: ANN401 - asyncpg's Record has no types
    return Share(**dict(row))
