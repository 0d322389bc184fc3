"""Bring a database to the schema of this version of Proxenia.

Every replica does this at its start, so the common case (nothing to do) is two queries and does not import
alembic. Several at once wait for each other on an advisory lock.
"""

from contextlib import suppress
from pathlib import Path

import asyncpg

from control_plane.store.errors import UnusableDatabaseError
from control_plane.store.pool import ACQUIRE_TIMEOUT, check_server, mapped
from control_plane.store.rights import expect, grant, granted

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x70726F78656E6961  # "proxenia": the key of the advisory lock
_WAIT = "60s"  # for another replica's migration


def revisions() -> list[str]:
    """Every revision that this version knows, oldest first; files are named ``v<revision>_<what>.py``."""
    return sorted(path.name[1:5] for path in (MIGRATIONS / "versions").glob("v[0-9][0-9][0-9][0-9]_*.py"))


async def migrate(dsn: str, *, owner: str = "", to: str = "") -> None:
    """Return when the schema is the newest, or ``to``, if that is newer than what there is.

    ``owner`` is how its owner connects, if that is another role.
    UnusableDatabaseError: too old a server, or a schema of a newer Proxenia. UnavailableError: no answer.
    """
    login = await _login(dsn) if owner else ""
    with mapped():
        connection = await asyncpg.connect(owner or dsn, timeout=ACQUIRE_TIMEOUT, command_timeout=90)
        try:
            await check_server(connection)
            is_there = await stored_revision(connection) == (to or revisions()[-1])
            if not is_there or (login and not await granted(connection, login)):
                await connection.execute(f"SET lock_timeout = '{_WAIT}'")
                await connection.execute("SELECT pg_advisory_lock($1)", LOCK)  # ends with the connection
                if login:
                    await expect(connection, login)
                await _upgrade(connection, owner or dsn, to or revisions()[-1])
                if login:
                    await grant(connection, login)
        finally:
            with suppress(OSError, asyncpg.InterfaceError):
                await connection.close(timeout=ACQUIRE_TIMEOUT)


async def _login(dsn: str) -> str:
    """The role that the application is."""
    with mapped():
        connection = await asyncpg.connect(dsn, timeout=ACQUIRE_TIMEOUT, command_timeout=90)
        try:
            return str(await connection.fetchval("SELECT current_user"))
        finally:
            with suppress(OSError, asyncpg.InterfaceError):
                await connection.close(timeout=ACQUIRE_TIMEOUT)


async def stored_revision(connection: asyncpg.Connection) -> str | None:
    """The schema's revision; None when there is no schema yet. Refuses one that is not known here."""
    if not await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
        return None
    stored: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    if stored is not None and stored not in revisions():
        raise UnusableDatabaseError(
            f"expected a database of revision {revisions()[-1]} or older, got {stored}: "
            "a newer Proxenia was here, run that one or restore a backup"
        )
    return stored


async def _upgrade(connection: asyncpg.Connection, dsn: str, to: str) -> None:
    """Upgrade while ``connection`` holds the lock."""
    if (await stored_revision(connection) or "") >= to:
        return  # somebody else did it while we waited
    from control_plane.store.migrations.upgrade import upgrade  # noqa: PLC0415 - alembic takes long to import

    await upgrade(dsn, to)
