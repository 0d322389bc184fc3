"""SQL that several parts of the audit's store share."""

from collections.abc import Sequence

import asyncpg

from control_plane.chain.record import FIELDS
from control_plane.store.audit_rows import Link

RECORD = f"record_send(ROW({', '.join('metadata::text' if name == 'metadata' else name for name in FIELDS)}))"
"""The record of a row, without its version, as PostgreSQL makes it of the columns (chain/record.py)."""

ORDER_LOCK = 0x70726F7841756474  # "proxAudt": held, shared, by who stores rows; alone, to begin an epoch
SEAL_LOCK = ORDER_LOCK + 1

_LINKS = """
SELECT e.batch, e.place, substr(s.links, 1 + 32 * e.place, 32) AS hash,
    CASE e.place WHEN 0 THEN s.previous ELSE substr(s.links, 32 * e.place - 31, 32) END AS previous
FROM unnest($1::bigint[], $2::integer[]) AS e (batch, place) JOIN audit_seals s ON s.batch = e.batch
"""


async def linked(connection: asyncpg.Connection, rows: Sequence[tuple[int, int]]) -> list[Link | None]:
    """The chain at each of these rows (batch, place); None where it is not sealed yet."""
    if not rows:
        return []
    found = await connection.fetch(_LINKS, [batch for batch, _ in rows], [place for _, place in rows])
    links = {(one["batch"], one["place"]): Link(one["hash"], one["previous"]) for one in found}
    return [links.get(row) for row in rows]
