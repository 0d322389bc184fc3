"""The kept heads of ports/heads.py in PostgreSQL."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from control_plane.model.identity import TrustDomain
from control_plane.ports.heads import Evidence, HeldHead
from control_plane.store.pool import Pool

_LAST = """
SELECT * FROM audit_witnessed WHERE side = $1 AND organisation = $2
AND ($1 = 'ours' OR number > coalesce(
    (SELECT max(witnessed) FROM audit_head_accepted WHERE organisation = $2), 0
)) ORDER BY number DESC LIMIT 1
"""

# Two offers at once may each continue what is held, and not each other: one after the other, then.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('proxenia heads ' || $1, 0))"

_WITNESS = """
INSERT INTO audit_witnessed (side, organisation, log_id, size, head, countersigned, at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""

_EVIDENCE = """
INSERT INTO audit_head_evidence (organisation, name, code, detail, held, offered, proof, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (organisation, name) DO NOTHING RETURNING 1
"""

_OPEN = """
SELECT * FROM audit_head_evidence AS e WHERE number > coalesce(
    (SELECT max(evidence) FROM audit_head_accepted AS a WHERE a.organisation = e.organisation), 0
) ORDER BY number DESC LIMIT $1
"""

# From one log to the next by the index: what each holds beside its last head is not read.
_ALL = """
WITH RECURSIVE last AS (
    (
        SELECT * FROM audit_witnessed WHERE (organisation, side) > ($1, $2)
        ORDER BY organisation, side, number DESC LIMIT 1
    )
    UNION ALL
    SELECT following.* FROM last CROSS JOIN LATERAL (
        SELECT * FROM audit_witnessed AS w WHERE (w.organisation, w.side) > (last.organisation, last.side)
        ORDER BY organisation, side, number DESC LIMIT 1
    ) AS following
)
SELECT * FROM last LIMIT $3
"""

_ACCEPT = """
INSERT INTO audit_head_accepted (organisation, actor, witnessed, evidence, at)
SELECT $1, $2,
    coalesce((SELECT max(number) FROM audit_witnessed), 0),
    coalesce((SELECT max(number) FROM audit_head_evidence), 0),
    clock_timestamp()
"""


class PostgresHeads:
    """Implements ports.heads.HeadKeeping."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def theirs(self, organisation: TrustDomain) -> HeldHead | None:
        """The last head of a partner's log that we witnessed."""
        return await self._last("theirs", organisation)

    async def ours(self, organisation: TrustDomain) -> HeldHead | None:
        """The last head of our log that a partner witnessed."""
        return await self._last("ours", organisation)

    async def keep_theirs(self, held: HeldHead, *, after: HeldHead | None) -> bool:
        """Write down what we witness; False when ``after`` is not the last one any more."""
        async with self._pool.transaction() as connection:
            await connection.execute(_LOCK, held.organisation)
            row = await connection.fetchrow(_LAST, "theirs", held.organisation)
            if (None if row is None else _held(row)) != after:
                return False
            if after is None or (held.log_id, held.size) != (after.log_id, after.size):
                await connection.execute(_WITNESS, *_columns("theirs", held))
        return True

    async def keep_ours(self, held: HeldHead) -> None:
        """Write down what a partner witnessed."""
        async with self._pool.connection() as connection:
            await connection.execute(_WITNESS, *_columns("ours", held))

    async def keep_evidence(self, evidence: Evidence) -> bool:
        """Write down a refused head; False when it is known already."""
        name = sha256(evidence.held + b"\n" + evidence.offered).hexdigest()
        async with self._pool.connection() as connection:
            new = await connection.fetchval(
                _EVIDENCE,
                evidence.organisation,
                name,
                evidence.code,
                evidence.detail,
                evidence.held.decode(),
                evidence.offered.decode(),
                [one.hex() for one in evidence.proof],
                evidence.at,
            )
        return new is not None

    async def evidence(self, *, limit: int) -> list[Evidence]:
        """Refused heads that no operator has looked at, newest first."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_OPEN, limit)
        return [
            Evidence(
                organisation=TrustDomain(row["organisation"]),
                code=row["code"],
                detail=row["detail"],
                held=row["held"].encode(),
                offered=row["offered"].encode(),
                proof=tuple(bytes.fromhex(one) for one in row["proof"]),
                at=row["at"],
            )
            for row in rows
        ]

    async def all(
        self, *, after: tuple[str, str] = ("", ""), limit: int | None = None
    ) -> list[tuple[str, HeldHead]]:
        """The last of each, as ``("ours" or "theirs", head)``, by organisation."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_ALL, *after, limit)
        return [(row["side"], _held(row)) for row in rows]

    async def accept(self, organisation: TrustDomain, *, actor: str) -> None:
        """An operator has looked: the evidence is settled, and the partner's next head begins anew."""
        async with self._pool.transaction() as connection:
            await connection.execute(_LOCK, organisation)
            await connection.execute(_ACCEPT, organisation, actor)

    async def _last(self, side: str, organisation: TrustDomain) -> HeldHead | None:
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_LAST, side, organisation)
        return None if row is None else _held(row)


def _columns(side: str, held: HeldHead) -> tuple[object, ...]:
    return (
        side,
        held.organisation,
        held.log_id,
        held.size,
        held.head.decode(),
        held.countersigned.decode(),
        held.at,
    )


def _held(row: Mapping[str, Any]) -> HeldHead:
    return HeldHead(
        organisation=TrustDomain(row["organisation"]),
        log_id=row["log_id"],
        size=row["size"],
        head=row["head"].encode(),
        countersigned=row["countersigned"].encode(),
        at=row["at"],
    )
