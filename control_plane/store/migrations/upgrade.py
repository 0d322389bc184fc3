"""Runs alembic on a database, from the files of the installed package."""

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from control_plane.store.migrate import MIGRATIONS


def config() -> Config:
    """Alembic's configuration, which needs no ini file."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


async def upgrade(dsn: str, to: str) -> None:
    """Apply what is missing up to ``to``, in one transaction. The caller holds the lock."""

    async def connect() -> asyncpg.Connection:
        # SQLAlchemy's own reading of a DSN differs in small things (lists of hosts, sockets).
        return await asyncpg.connect(dsn, timeout=10, command_timeout=600)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_run, to)
    finally:
        await engine.dispose()


def _run(connection: Connection, to: str) -> None:
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, to)
