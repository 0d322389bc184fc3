"""The reconciliations of ports/reconciliation.py in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from control_plane.model.identity import TrustDomain
from control_plane.model.reconciliation import Difference, Interval, Outcome, Reconciliation
from control_plane.ports.reconciliation import Standing
from control_plane.store.pool import Pool

KEPT = "400 days"  # how long reports and settled differences are kept

_DIFFERENCES = TypeAdapter(tuple[Difference, ...])
_DIFFERENCE = TypeAdapter(Difference)
_COLUMNS = ("id", "organisation", "started_at", "interval", "actor", "error", "differences")
_IN_BODY = tuple(one.name for one in fields(Reconciliation) if one.name not in _COLUMNS)

_INSERT = """
INSERT INTO audit_reconciliations
    (id, organisation, started_at, since, until, actor, agrees, error, body, differences)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10::jsonb)
"""

# A difference that was settled and is found again is open again.
_OPEN = """
INSERT INTO audit_differences (organisation, correlation_id, found_at, body)
SELECT $1, correlation_id, $2, body FROM unnest($3::text[], $4::jsonb[]) AS new (correlation_id, body)
ON CONFLICT (organisation, correlation_id) DO UPDATE SET settled_at = NULL, body = excluded.body
"""

_SETTLE = """
UPDATE audit_differences SET settled_at = $2
WHERE organisation = $1 AND correlation_id = ANY($3::text[]) AND settled_at IS NULL
"""

_FORGET = f"""
DELETE FROM audit_reconciliations WHERE started_at < $1::timestamptz - interval '{KEPT}'
"""  # noqa: S608 - a number of ours

_HEAD = "id, organisation, started_at, since, until, actor, error, body"

_PAGE = f"""
SELECT {_HEAD}, '[]'::jsonb AS differences FROM audit_reconciliations
WHERE ($1::text IS NULL OR organisation = $1) AND ($2 = '' OR (started_at, id) < (
    SELECT started_at, id FROM audit_reconciliations WHERE id = $2
)) ORDER BY started_at DESC, id DESC LIMIT $3
"""  # noqa: S608 - only names of ours

_GET = f"SELECT {_HEAD}, differences FROM audit_reconciliations WHERE id = $1"  # noqa: S608 - only names of ours

_LISTED = """
SELECT body FROM audit_differences
WHERE organisation = $1 AND settled_at IS NULL ORDER BY found_at, correlation_id LIMIT $2
"""

_STANDINGS = """
SELECT DISTINCT ON (organisation) organisation, started_at, agrees, error,
    (SELECT count(*) FROM audit_differences AS d
     WHERE d.organisation = r.organisation AND settled_at IS NULL) AS open,
    (SELECT max(until) FROM audit_reconciliations AS done
     WHERE done.organisation = r.organisation AND done.error = '' AND done.actor = 'schedule'
    ) AS compared_until
FROM audit_reconciliations AS r ORDER BY organisation, started_at DESC, id DESC
"""


class PostgresReconciliations:
    """Implements ports.reconciliation.Reconciliations."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, report: Reconciliation, *, settled: Sequence[str] = ()) -> None:
        """Store a report; its differences are open from now on, those with ``settled`` ids not any more."""
        body = {name: value for name, value in asdict(report).items() if name in _IN_BODY}
        lasting = [one for one in report.differences if one.outcome is not Outcome.LATE]
        ids = [one.correlation_id for one in lasting]
        bodies = [_DIFFERENCE.dump_json(one).decode() for one in lasting]
        organisation, at = report.organisation, report.started_at
        async with self._pool.transaction() as connection:
            await connection.execute(
                _INSERT,
                report.id,
                organisation,
                at,
                report.interval.since,
                report.interval.until,
                report.actor,
                report.agrees,
                report.error,
                to_json(body).decode(),
                _DIFFERENCES.dump_json(report.differences).decode(),
            )
            await connection.execute(_OPEN, organisation, at, ids, bodies)
            await connection.execute(_SETTLE, organisation, at, list(settled))
            await connection.execute(_FORGET, at)

    async def page(
        self, *, organisation: TrustDomain | None = None, after: str = "", limit: int = 100
    ) -> list[Reconciliation]:
        """Reports without their differences, newest first; ``after`` is the id of the last one seen."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_PAGE, organisation, after, limit)
        return [_report(row) for row in rows]

    async def get(self, report_id: str) -> Reconciliation | None:
        """One report, with its differences."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_GET, report_id)
        return None if row is None else _report(row)

    async def open(self, organisation: TrustDomain, *, limit: int) -> list[Difference]:
        """Differences that have not been settled, oldest first."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_LISTED, organisation, limit)
        return [_DIFFERENCE.validate_json(row["body"]) for row in rows]

    async def standings(self) -> list[Standing]:
        """How it stands with each partner that there is a report about, by name."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_STANDINGS)
        return [
            Standing(
                organisation=TrustDomain(row["organisation"]),
                at=row["started_at"],
                agrees=row["agrees"],
                error=row["error"],
                open=row["open"],
                compared_until=row["compared_until"],
            )
            for row in rows
        ]


def _report(row: Mapping[str, Any]) -> Reconciliation:
    return Reconciliation(
        id=row["id"],
        organisation=TrustDomain(row["organisation"]),
        interval=Interval(row["since"], row["until"]),
        started_at=row["started_at"],
        actor=row["actor"],
        error=row["error"],
        differences=_DIFFERENCES.validate_json(row["differences"]),
        **from_json(row["body"]),
    )
