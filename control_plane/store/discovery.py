"""How the sources of discovery fare (ports/discovery.py), in PostgreSQL."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from control_plane.model.problem import Problem
from control_plane.model.sighting import SourceKind
from control_plane.ports.discovery import MAX_TOLD, Findings, SourceState
from control_plane.store.feed import CHANNEL
from control_plane.store.pool import Pool

_SEEN = """
INSERT INTO discovery_sources AS s
    (name, kind, seen_at, looked_at, lost_since, reason, nodes, left_out, refused_by_code, refused)
VALUES ($1, $2, statement_timestamp(), statement_timestamp(), NULL, '', $3, $4, $5, $6)
ON CONFLICT (name) DO UPDATE SET
    kind = excluded.kind,
    seen_at = excluded.seen_at,
    looked_at = excluded.looked_at,
    lost_since = NULL,
    reason = '',
    nodes = excluded.nodes,
    left_out = excluded.left_out,
    refused_by_code = excluded.refused_by_code,
    refused = excluded.refused
RETURNING s.seen_at
"""

_LOST = """
INSERT INTO discovery_sources AS s (name, kind, looked_at, lost_since, reason)
VALUES ($1, $2, statement_timestamp(), statement_timestamp(), $3)
ON CONFLICT (name) DO UPDATE SET
    kind = excluded.kind,
    looked_at = excluded.looked_at,
    lost_since = coalesce(s.lost_since, excluded.lost_since),
    reason = excluded.reason
RETURNING s.lost_since
"""

# The channel of objects wakes everybody who may have to do something.
_ASK = """
WITH moment AS (SELECT clock_timestamp() AS at), noted AS (
    UPDATE discovery_sources SET asked_at = moment.at FROM moment WHERE name = ANY ($1)
)
SELECT at, pg_notify($2, 'look') FROM moment
"""

_ALL = "SELECT * FROM discovery_sources ORDER BY name"

_FORGET = "DELETE FROM discovery_sources WHERE name = $1"

# Who follows by revision hears of a deletion through its trace, which therefore has to stay for a while.
_TRACES = """
WITH gone AS (
    DELETE FROM objects
    WHERE kind = 'sighting' AND deleted AND updated_at < now() - make_interval(secs => $1 * 86400)
    RETURNING 1
)
SELECT count(*) FROM gone
"""


class PostgresSources:
    """Implements ports.discovery.Sources."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> list[SourceState]:
        """Every source that was ever followed and is not forgotten, by name."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_ALL)
        return [_state(row) for row in rows]

    async def seen(self, name: str, kind: SourceKind, findings: Findings) -> datetime:
        """Note a report of what a source sees, now; the time."""
        refused = json.dumps([asdict(problem) for problem in findings.refused[:MAX_TOLD]])
        codes = json.dumps(dict(findings.refused_by_code))
        async with self._pool.connection() as connection:
            at: datetime = await connection.fetchval(
                _SEEN, name, str(kind), findings.nodes, findings.left_out, codes, refused
            )
        return at

    async def lost(self, name: str, kind: SourceKind, reason: str) -> datetime:
        """Note that a source cannot see, and why; since when that is so without a break."""
        async with self._pool.connection() as connection:
            since: datetime = await connection.fetchval(_LOST, name, str(kind), reason)
        return since

    async def ask(self, names: Sequence[str]) -> datetime:
        """Ask for another look of these sources, on whatever replica they run; the time."""
        async with self._pool.connection() as connection:
            at: datetime = await connection.fetchval(_ASK, list(names), CHANNEL)
        return at

    async def forget(self, name: str) -> None:
        """Drop the state of a source that is followed no longer."""
        async with self._pool.connection() as connection:
            await connection.execute(_FORGET, name)

    async def sweep(self, *, days: float) -> int:
        """Drop the traces of sightings that were withdrawn ``days`` ago; how many those were."""
        async with self._pool.connection() as connection:
            traces: int = await connection.fetchval(_TRACES, days)
        return traces


def _state(row: Any) -> SourceState:  # noqa: ANN401 - asyncpg's Record has no types
    return SourceState(
        name=row["name"],
        kind=SourceKind(row["kind"]),
        seen_at=row["seen_at"],
        lost_since=row["lost_since"],
        looked_at=row["looked_at"],
        asked_at=row["asked_at"],
        reason=row["reason"],
        findings=Findings(
            nodes=row["nodes"],
            left_out=row["left_out"],
            refused_by_code=json.loads(row["refused_by_code"]),
            refused=tuple(Problem(**problem) for problem in json.loads(row["refused"])),
        ),
    )
