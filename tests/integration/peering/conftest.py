"""Deployments of organisations on loopback, with an authority, a real listener and a real PostgreSQL."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio

from control_plane.model.identity import TrustDomain
from control_plane.store.migrate import migrate
from control_plane.store.server_files import ROLE
from tests.integration.peering.deployment import Deployment, Wanted, deploy
from tests.integration.postgres import Server, database_url, postgres_server

__all__ = ["database_url", "postgres_server"]

Deploy = Callable[..., Awaitable[Deployment]]


@pytest_asyncio.fixture
async def deployment(postgres_server: Server, tmp_path: Path) -> AsyncIterator[Deploy]:
    """Make deployments, each with a database of its own unless one is given; all end with the test."""
    databases: list[str] = []
    async with AsyncExitStack() as stack:

        async def make(name: str, *, database: str = "", **options: object) -> Deployment:
            if not database:
                number = len(databases)
                databases.append(f"peering_{number}_{socket.gethostname().lower().replace('-', '_')[:20]}")
                await postgres_server.administer(
                    f'DROP DATABASE IF EXISTS "{databases[-1]}" WITH (FORCE)',
                    f'CREATE DATABASE "{databases[-1]}" TEMPLATE migrated OWNER {ROLE}',
                )
                database = postgres_server.url(databases[-1])
                await migrate(database)
            domain = TrustDomain(name)
            return await stack.enter_async_context(
                deploy(domain, database, state=tmp_path / name, wanted=Wanted(**options))  # type: ignore[arg-type]  # passed on
            )

        yield make
    for name in databases:
        await postgres_server.administer(f'DROP DATABASE "{name}" WITH (FORCE)')
