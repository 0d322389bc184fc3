"""The partners and bundle states of ports/peering.py in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from control_plane.model.identity import TrustDomain
from control_plane.model.peering import BundleSource, BundleState, PartnerRecord, PeeringAddress, View
from control_plane.ports.errors import MissingError
from control_plane.ports.peering import Fetched
from control_plane.store.pool import Pool

_ADDRESSES = TypeAdapter(tuple[PeeringAddress, ...])
_SOURCE = TypeAdapter(BundleSource)
_VIEW = TypeAdapter(View)

_INTRODUCE = """
INSERT INTO peering_partners (organisation, addresses) VALUES ($1, $2::jsonb)
ON CONFLICT (organisation) DO UPDATE SET addresses = excluded.addresses
"""

_KNOWN = """
SELECT organisation, addresses, sent_at, send_error, heard, heard_at, clock_timestamp() AS read_at
FROM peering_partners
"""
_PARTNER = f"{_KNOWN} WHERE organisation = $1"
_PARTNERS = f"{_KNOWN} WHERE organisation > $1 ORDER BY organisation LIMIT $2"

# At least the time in milliseconds: after a restored backup sequences are still greater than those sent
# before.
_NUMBER = """
UPDATE peering_partners SET
    sent_sequence = greatest(sent_sequence + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint),
    view_since = CASE WHEN view_state = $2 AND view_paused = $3 THEN view_since ELSE $4 END,
    view_state = $2,
    view_paused = $3
WHERE organisation = $1
RETURNING sent_sequence, view_since
"""

_SENT = """
UPDATE peering_partners SET
    send_error = $2, sent_at = CASE WHEN $2 = '' THEN clock_timestamp() ELSE sent_at END
WHERE organisation = $1
"""

_HEARD = """
INSERT INTO peering_partners AS p (organisation, heard_sequence, heard, heard_at)
VALUES ($1, $2, $3::jsonb, clock_timestamp())
ON CONFLICT (organisation) DO UPDATE SET
    heard_sequence = excluded.heard_sequence, heard = excluded.heard, heard_at = excluded.heard_at
WHERE p.heard_sequence < excluded.heard_sequence
RETURNING 1
"""

_FOLLOW = """
INSERT INTO peering_bundles (organisation, source, due_at) VALUES ($1, $2::jsonb, clock_timestamp())
ON CONFLICT (organisation) DO UPDATE SET
    source = excluded.source, due_at = excluded.due_at, code = '', detail = '', failures = 0, held = ''
"""

_STATES = "SELECT source, fetched_at, due_at, code, detail, failures, held FROM peering_bundles"
_DUE = f"{_STATES} WHERE due_at <= clock_timestamp() ORDER BY organisation"
_AFTER = f"{_STATES} WHERE organisation > $1 ORDER BY organisation LIMIT $2"

_FETCHED = """
UPDATE peering_bundles SET
    fetched_at = clock_timestamp(),
    due_at = clock_timestamp() + make_interval(secs =>
        CASE WHEN due_at <> $7::timestamptz THEN least($2::float8, $8::float8) ELSE $2 END),
    code = $3,
    detail = $4,
    failures = CASE WHEN $5 THEN failures + 1 ELSE 0 END,
    held = coalesce($6, held)
WHERE organisation = $1
"""

# What is due may be fetched at this moment: its time changes too, so that the end of that fetch can tell.
_HURRY = """
UPDATE peering_bundles SET
    due_at = greatest(
        clock_timestamp(), least(due_at, coalesce(fetched_at + make_interval(secs => $2), clock_timestamp()))
    )
WHERE organisation = $1
"""


class PostgresPartners:
    """Implements ports.peering.Partners."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def introduce(
        self, organisation: TrustDomain, addresses: Sequence[PeeringAddress], source: BundleSource
    ) -> None:
        """Take over where a partner is reached and where its bundle is fetched, at once."""
        body = _ADDRESSES.dump_json(tuple(addresses)).decode()
        async with self._pool.transaction() as connection:
            await connection.execute(_INTRODUCE, organisation, body)
            await connection.execute(_FOLLOW, organisation, _SOURCE.dump_json(source).decode())

    async def get(self, organisation: TrustDomain) -> PartnerRecord | None:
        """One partner."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_PARTNER, organisation)
        return None if row is None else _record(row)

    async def all(self, *, after: str = "", limit: int | None = None) -> list[PartnerRecord]:
        """Every partner that was introduced or heard, by name; at most ``limit`` after a name."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_PARTNERS, after, limit)
        return [_record(row) for row in rows]

    async def number(self, organisation: TrustDomain, view: View) -> tuple[int, int]:
        """The sequence of our next heartbeat, and since when we have had this view."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_NUMBER, organisation, view.state, view.paused, view.since)
        if row is None:
            raise MissingError(f"expected a partner that was introduced, got {organisation}")
        return row["sent_sequence"], row["view_since"]

    async def sent(self, organisation: TrustDomain, error: str) -> None:
        """Note how our heartbeat was taken; ``error`` empty: well."""
        async with self._pool.connection() as connection:
            await connection.execute(_SENT, organisation, error)

    async def heard(self, organisation: TrustDomain, sequence: int, view: View) -> bool:
        """Take over a heartbeat; False, and nothing changed, unless ``sequence`` is a new greatest."""
        body = _VIEW.dump_json(view).decode()
        async with self._pool.connection() as connection:
            return bool(await connection.fetchval(_HEARD, organisation, sequence, body))


class PostgresBundleStates:
    """Implements ports.peering.BundleStates."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self, *, after: str = "", limit: int | None = None) -> list[BundleState]:
        """Every source, by organisation; at most ``limit`` after a name."""
        return await self._states(_AFTER, after, limit)

    async def due(self) -> list[BundleState]:
        """Those whose time has come."""
        return await self._states(_DUE)

    async def follow(self, source: BundleSource) -> None:
        """Fetch this organisation's bundle there from now on, at once."""
        async with self._pool.connection() as connection:
            await connection.execute(_FOLLOW, source.organisation, _SOURCE.dump_json(source).decode())

    async def fetched(
        self,
        organisation: TrustDomain,
        outcome: Fetched,
        *,
        due_at: datetime | None = None,
        spacing: float = 0,
    ) -> None:
        """Note the outcome of a fetch; if ``due_at`` has changed, another one was asked for."""
        async with self._pool.connection() as connection:
            await connection.execute(
                _FETCHED,
                organisation,
                outcome.seconds,
                outcome.code,
                outcome.detail,
                outcome.failed,
                outcome.held,
                due_at,
                spacing,
            )

    async def hurry(self, organisation: TrustDomain, *, spacing: float) -> None:
        """Make it due now, but not sooner than ``spacing`` seconds after the last fetch."""
        async with self._pool.connection() as connection:
            await connection.execute(_HURRY, organisation, spacing)

    async def _states(self, statement: str, *arguments: object) -> list[BundleState]:
        async with self._pool.connection() as connection:
            rows = await connection.fetch(statement, *arguments)
        return [
            BundleState(
                source=_SOURCE.validate_json(row["source"], strict=True),
                fetched_at=row["fetched_at"],
                due_at=row["due_at"],
                code=row["code"],
                detail=row["detail"],
                failures=row["failures"],
                held=row["held"],
            )
            for row in rows
        ]


def _record(row: Any) -> PartnerRecord:  # noqa: ANN401 - asyncpg's Record has no types
    return PartnerRecord(
        organisation=TrustDomain(row["organisation"]),
        addresses=_ADDRESSES.validate_json(row["addresses"], strict=True),
        heard=None if row["heard"] is None else _VIEW.validate_json(row["heard"], strict=True),
        heard_at=row["heard_at"],
        sent_at=row["sent_at"],
        send_error=row["send_error"],
        read_at=row["read_at"],
    )
