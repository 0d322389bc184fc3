"""Things that only one replica does at a time: advisory locks of PostgreSQL, each on a connection of its own.

The lock ends with the connection, so a replica that dies gives it up. Whoever holds it asks before each piece
of work whether it still does; for the moment in between, effects must bear being done twice (fencing is their
own).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from control_plane.ports.errors import UnavailableError
from control_plane.store.pool import ACQUIRE_TIMEOUT, SESSION, mapped

PAUSE = 1.0  # seconds between attempts while another replica holds the lock
_ANSWER = 3.0  # seconds
_TRY = "SELECT pg_try_advisory_lock(hashtextextended('proxenia ' || $1, 0))"
# A replica that vanished without closing its connection is given up by the server within about twenty
# seconds.
_KEEPALIVE = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}


class PostgresLease:
    """Implements ports.peering.Lease."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def held(self) -> bool:
        """Whether the connection that holds the lock still answers."""
        try:
            with mapped():
                await self._connection.execute("SELECT 1", timeout=_ANSWER)
        except UnavailableError:
            return False
        return True


class PostgresSingleton:
    """Implements ports.peering.Singleton."""

    def __init__(self, dsn: str, *, pause: float = PAUSE) -> None:
        self._dsn = dsn
        self._pause = pause

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[PostgresLease]:
        """Wait until no other replica does ``name``; UnavailableError when the database is away."""
        with mapped():
            connection = await asyncpg.connect(
                self._dsn,
                timeout=ACQUIRE_TIMEOUT,
                command_timeout=_ANSWER,
                server_settings={**SESSION, **_KEEPALIVE},
            )
        try:
            with mapped():
                while not await connection.fetchval(_TRY, name):  # noqa: ASYNC110 - another process has it
                    await asyncio.sleep(self._pause)
            yield PostgresLease(connection)
        finally:
            with suppress(OSError, asyncpg.InterfaceError, asyncpg.PostgresError):
                await connection.close(timeout=_ANSWER)
