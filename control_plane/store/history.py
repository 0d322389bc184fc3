"""The objects' history in PostgreSQL: ports/history.py."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.ports.history import MAX_NAMED, Revision, Then
from control_plane.store import codec
from control_plane.store.pool import Pool

_REVISIONS = """
SELECT revision, min(at) AS at, min(actor) AS actor, count(*) AS objects,
    (array_agg(kind || ' ' || key ORDER BY kind, key))[1:$3] AS named,
    array_agg(DISTINCT kind ORDER BY kind) AS kinds
FROM history
WHERE revision IN (
    SELECT DISTINCT revision FROM history WHERE {} LIMIT $2
)
GROUP BY revision ORDER BY revision {}
"""
_BEFORE = _REVISIONS.format("revision < $1 ORDER BY revision DESC", "DESC")
_ALL = 2**62
_SINCE = _REVISIONS.format("revision > $1 ORDER BY revision", "ASC")

# What a row of the history holds is what the object was from that revision on.
_DIFFERENCES = """
SELECT t.kind, t.key, h.body AS then, o.body, o.revision, o.created_at, o.updated_at
FROM (SELECT DISTINCT kind, key FROM history WHERE revision > $1 AND kind = ANY ($2)) AS t
LEFT JOIN LATERAL (
    SELECT body FROM history
    WHERE kind = t.kind AND key = t.key AND revision <= $1 ORDER BY revision DESC LIMIT 1
) AS h ON true
LEFT JOIN objects o ON o.kind = t.kind AND o.key = t.key AND NOT o.deleted
WHERE h.body IS DISTINCT FROM o.body
ORDER BY t.kind, t.key LIMIT $3
"""

# The first of the rows that say so without one in between that does not.
_TRUSTED = """
SELECT h.key, min(h.at) AS at FROM history AS h
WHERE h.kind = 'agreement' AND h.key = ANY ($1::text[]) AND h.revision > coalesce((
    SELECT max(other.revision) FROM history AS other
    WHERE other.kind = 'agreement' AND other.key = h.key AND other.body ->> 'state' IS DISTINCT FROM 'trusted'
), 0)
GROUP BY h.key
"""


class PostgresHistory:
    """Implements ports.history.History."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def revisions(self, *, before: int = 0, limit: int = 100) -> list[Revision]:
        """The last changes before revision ``before`` (0: all), newest first."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_BEFORE, before or _ALL, limit, MAX_NAMED)
        return [_revision(row) for row in rows]

    async def since(self, revision: int, *, limit: int = 100) -> list[Revision]:
        """The first changes after ``revision``, oldest first."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_SINCE, revision, limit, MAX_NAMED)
        return [_revision(row) for row in rows]

    async def trusted_since(self, organisations: Collection[TrustDomain]) -> dict[str, datetime]:
        """Since when the agreement with each of these is ``trusted``; those that are not now are left out."""
        if not organisations:
            return {}
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_TRUSTED, list(organisations))
        return {row["key"]: row["at"] for row in rows}

    async def differences(self, revision: int, kinds: Collection[Kind], *, limit: int) -> list[Then]:
        """What is different now from ``revision``, at most ``limit``, by kind and key.

        Raises InvalidValueError when an object of then breaks a rule of this version.
        """
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_DIFFERENCES, revision, sorted(map(str, kinds)), limit)
        return [
            Then(
                Kind(row["kind"]),
                row["key"],
                None if row["then"] is None else codec.decode(Kind(row["kind"]), row["key"], row["then"]),
                None if row["body"] is None else codec.stored(row),
            )
            for row in rows
        ]


def _revision(row: Any) -> Revision:  # noqa: ANN401 - asyncpg's Record has no types
    named, kinds = tuple(row["named"]), tuple(row["kinds"])
    return Revision(row["revision"], row["at"], row["actor"], row["objects"], named, kinds)
