"""The statistics of ports/audit_use.py in PostgreSQL, all of one moment."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from control_plane.chain.crossing import REQUESTS
from control_plane.ports.audit_use import Latency, Share, Statistics
from control_plane.store.crossings import PARTNER
from control_plane.store.pool import Pool

TOP = 10
WITHIN = 20.0  # seconds a statement
_SHARES = (0.5, 0.9, 0.99, 1.0)

_SPAN = "timestamp >= $1 AND timestamp < $2"

# One reading of the rows: how many of each kind, and (in the rows without a principal) of each duration.
_REQUESTS = f"""
SELECT principal, {PARTNER} AS organisation, decision, reason = 'rate_limited' AS limited, duration_ms,
    count(*) AS requests, coalesce(sum(bytes), 0)::bigint AS bytes
FROM audit_events
WHERE {_SPAN} AND event_type IN ({", ".join(repr(str(one)) for one in REQUESTS)})
GROUP BY GROUPING SETS ((1, 2, 3, 4), (5))
"""  # noqa: S608 - only names of ours are put in

_OTHERS = f"""
SELECT count(*) FILTER (WHERE event_type = 'handshake_failed') AS handshakes_failed,
    count(*) FILTER (WHERE event_type = 'gap') AS gaps
FROM audit_events WHERE {_SPAN} AND event_type <> 'cross_org_request'
AND event_type IN ('handshake_failed', 'gap')
"""  # noqa: S608 - only names of ours are put in


class PostgresStatistics:
    """Implements ports.audit_use.AuditStatistics."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def statistics(self, since: datetime, until: datetime) -> Statistics:
        """Count everything in this time."""
        async with self._pool.snapshot() as connection:
            rows = await connection.fetch(_REQUESTS, since, until, timeout=WITHIN)
            others = await connection.fetchrow(_OTHERS, since, until, timeout=WITHIN)
        groups = [row for row in rows if row["principal"] is not None]
        times = {row["duration_ms"]: row["requests"] for row in rows if row["principal"] is None}
        decisions: Counter[str] = Counter()
        for row in groups:
            decisions[row["decision"]] += row["requests"]
        return Statistics(
            since=since,
            until=until,
            requests=decisions.total(),
            allowed=decisions["allowed"],
            denied=decisions["denied"],
            failed=decisions["failed"],
            limited=sum(row["requests"] for row in groups if row["decision"] == "denied" and row["limited"]),
            bytes=sum(row["bytes"] for row in groups),
            latency_ms=_latency({time: many for time, many in times.items() if time is not None}),
            principals=_top(groups, "principal"),
            organisations=_top(groups, "organisation"),
            **dict(others),
        )


def _latency(times: dict[float, int]) -> Latency:
    """The durations below which such shares of the requests are (``percentile_disc`` of SQL)."""
    total, passed, ordered = sum(times.values()), 0, iter(sorted(times.items()))
    found: list[float | None] = []
    value: float | None = None
    for share in _SHARES:
        while passed < max(1, share * total) and (pair := next(ordered, None)):
            value, passed = pair[0], passed + pair[1]
        found.append(value)
    return Latency(p50=found[0], p90=found[1], p99=found[2], longest=found[3])


def _top(groups: Sequence[Any], name: str) -> tuple[Share, ...]:
    counts: dict[str, Counter[str]] = {}
    for row in groups:
        counts.setdefault(row[name], Counter())[row["decision"]] += row["requests"]
    shares = [
        Share(name=key, requests=one.total(), denied=one["denied"], failed=one["failed"])
        for key, one in counts.items()
    ]
    return tuple(sorted(shares, key=lambda share: (-share.requests, share.name))[:TOP])
