"""The partitions of the audit: made before rows of their day arrive, and dropped whole."""

from collections.abc import Iterable
from datetime import date

import asyncpg

from control_plane.ports.errors import UnavailableError
from control_plane.store.pool import Pool, mapped

_MAX_KNOWN = 2000
_DROP_WITHIN = 60.0  # seconds


class AuditDays:
    """Remembers which days have been prepared, so that a row costs no question."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: set[date] = set()

    def knows(self, day: date) -> bool:
        """Whether this day has been prepared."""
        return day in self._known

    async def prepare(self, days: Iterable[date]) -> None:
        """Make what is missing; a day far from today has no partition, and its rows go to the default one."""
        for day in sorted(set(days) - self._known):
            async with self._pool.connection() as connection:
                await connection.execute("SELECT audit_prepare($1)", day)
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known.add(day)

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
        self._known = {day for day in self._known if day >= until}
        return dropped
