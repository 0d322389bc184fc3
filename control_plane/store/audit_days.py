"""The partitions of the audit: made before rows of their day arrive, and dropped whole."""

from collections.abc import Iterable, Sequence
from datetime import date

import asyncpg

from control_plane.ports.errors import UnavailableError
from control_plane.store.pool import Pool, mapped

_MAX_KNOWN = 2000
_TABLES = ("audit_events", "audit_batches", "audit_seals", "audit_heads")
_DROP_WITHIN = 60.0  # seconds


class AuditDays:
    """Remembers which days have been prepared, so that a row costs no question."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: set[date] = set()  # of storing
        self._dated: set[date] = set()  # of rows that arrive late

    def knows(self, day: date) -> bool:
        """Whether this day has been prepared."""
        return day in self._known

    async def prepare(self, days: Iterable[date]) -> None:
        """Make what is missing for storing, and sealing, on these days."""
        await self._make(set(days) - self._known, _TABLES, self._known)

    async def prepare_events(self, days: Iterable[date]) -> None:
        """The same for rows that are dated so; one of a day far from today goes to the default partition."""
        await self._make(set(days) - self._known - self._dated, _TABLES[:1], self._dated)

    async def _make(self, days: set[date], tables: Sequence[str], known: set[date]) -> None:
        for day in sorted(days):
            for table in tables:  # each in a transaction of its own
                async with self._pool.connection() as connection:
                    await connection.execute("SELECT audit_prepare($1, $2)", table, day)
            if len(known) >= _MAX_KNOWN:
                known.clear()
            known.add(day)

    async def retire(self, until: date) -> int:
        """Drop every day before ``until``; how many partitions that were."""
        async with self._pool.connection() as connection:
            try:
                dropped: int = await connection.fetchval(
                    "SELECT audit_retire($1)", until, timeout=_DROP_WITHIN
                )
            except asyncpg.RaiseError as error:
                with mapped():
                    raise UnavailableError(f"the database keeps its rows: {error}") from error
        self._dated.clear()
        return dropped
