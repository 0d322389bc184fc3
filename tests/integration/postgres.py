"""Fixtures with the real PostgreSQL: one server for the session, an empty migrated database for each test.

Use them from a ``conftest.py``: ``from tests.integration.postgres import database_url, postgres_server``.
"""

import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import asyncpg
import pytest_asyncio

from control_plane.store.embedded import EmbeddedPostgres
from control_plane.store.migrate import migrate
from control_plane.store.server_files import ADMIN, ROLE, ServerFiles

TEMPLATE = "migrated"
_numbers = count()


@dataclass(frozen=True, slots=True)
class Server:
    """A running server with a migrated template database."""

    state_dir: Path

    def url(self, database: str, *, role: str = ROLE) -> str:
        """How to connect to one of its databases."""
        return ServerFiles.of(self.state_dir).dsn(role=role, database=database)

    async def administer(self, *statements: str) -> None:
        """Run statements as the superuser."""
        connection = await asyncpg.connect(self.url("postgres", role=ADMIN))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_server() -> AsyncIterator[Server]:
    """One embedded PostgreSQL in a directory of its own; it ends with the session."""
    state_dir = Path(tempfile.mkdtemp(prefix="proxenia-pg-"))
    server = EmbeddedPostgres(state_dir)
    try:
        await server.start()
        made = Server(state_dir)
        await made.administer(f"CREATE DATABASE {TEMPLATE} OWNER {ROLE}")
        await migrate(made.url(TEMPLATE))
        yield made
    finally:
        await server.stop()
        shutil.rmtree(state_dir)


@pytest_asyncio.fixture
async def database_url(postgres_server: Server) -> AsyncIterator[str]:
    """The URL of a database with the newest schema and nothing in it."""
    name = f"test_{next(_numbers)}"
    await postgres_server.administer(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {ROLE}")
    yield postgres_server.url(name)
    await postgres_server.administer(f"DROP DATABASE {name} WITH (FORCE)")
