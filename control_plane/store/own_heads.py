"""The own heads of ports/heads.py: signed heads of our log with proofs made of what is stored.

A proof is made of the hashes of all rows between the two heads, so a long way is gone in steps, from one
stored head to another.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from control_plane.chain.batch import unpack
from control_plane.chain.proof import prove_consistency
from control_plane.chain.tree import Frontier
from control_plane.ports.heads import OwnHead
from control_plane.store.audit_log import HEADS
from control_plane.store.pool import Pool
from control_plane.store.signatures import joined

STEP = 1_000_000  # rows of one proof at most, where there is a head to stop at
_READ_WITHIN = 25.0  # seconds
_SLICE = 200  # batches read at once

_OF_SIZE = " UNION ALL ".join(
    f"({HEADS.format(table)} WHERE h.size = $1)" for table in ("audit_heads", "audit_kept")
)
_FURTHEST = f"{HEADS.format('audit_heads')} WHERE h.size >= $1 AND h.size <= $2 ORDER BY h.size DESC LIMIT 1"
_NEXT = f"{HEADS.format('audit_heads')} WHERE h.size > $1 ORDER BY h.size LIMIT 1"
_LAST = f"{HEADS.format('audit_heads')} ORDER BY h.size DESC LIMIT 1"

_BODIES = """
SELECT s.first, b.body FROM audit_seals s JOIN audit_batches b ON b.batch = s.batch
WHERE s.first >= $1 AND s.first < $2 ORDER BY s.first LIMIT $3
"""


class PostgresOwnHeads:
    """Implements ports.heads.OwnHeads."""

    def __init__(self, pool: Pool, *, step: int = STEP) -> None:
        self._pool = pool
        self._step = step

    async def next(self, first: int) -> OwnHead | None:
        """A head to offer to somebody who has seen ``first`` rows (0: nothing), the further the better."""
        async with self._pool.snapshot() as connection:
            if not first:
                last = await connection.fetchrow(_LAST)
                return None if last is None else OwnHead(joined(last), last["size"])
            start = await connection.fetchrow(_OF_SIZE, first)
            if start is None:
                return None
            end = await self._furthest(connection, first) or start
            leaves = await _leaves(connection, first, end["size"])
        proof = await asyncio.to_thread(_proof, start, leaves)
        return OwnHead(joined(end), end["size"], first, proof)

    async def _furthest(self, connection: asyncpg.Connection, first: int) -> Mapping[str, Any] | None:
        """The last head within a step, or else the next one."""
        found = await connection.fetchrow(_FURTHEST, first, first + self._step)
        if found is None or found["size"] == first:
            found = await connection.fetchrow(_NEXT, first) or found
        row: Mapping[str, Any] | None = found
        return row


async def _leaves(connection: asyncpg.Connection, first: int, until: int) -> list[bytes]:
    """The leaf hashes of the rows from ``first`` to ``until``."""
    leaves: list[bytes] = []
    at = first
    while at < until:
        rows = await connection.fetch(_BODIES, at, until, _SLICE, timeout=_READ_WITHIN)
        for row in rows:
            leaves += [leaf for _, leaf in unpack(row["body"])]
            await asyncio.sleep(0)
        if not rows or first + len(leaves) == at:
            break
        at = first + len(leaves)
    return leaves


def _proof(start: Mapping[str, Any], leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    return prove_consistency(Frontier.of(start["size"], start["frontier"]), leaves)
