"""A look at the database server itself, for checks."""

import time

from control_plane.ports.self_check import DatabaseFacts
from control_plane.store.pool import Pool

_LOOK = """
SELECT current_setting('server_version') AS version, clock_timestamp() AS now,
    current_setting('max_connections')::int AS most,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections
"""


class PostgresLook:
    """Implements ports.self_check.DatabaseLook."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def look(self) -> DatabaseFacts:
        """Ask now."""
        async with self._pool.connection() as connection:
            began = time.monotonic()
            row = await connection.fetchrow(_LOOK)
        return DatabaseFacts(
            version=str(row["version"]).partition(" ")[0],
            now=row["now"],
            seconds=time.monotonic() - began,
            connections=row["connections"],
            connections_most=row["most"],
        )
