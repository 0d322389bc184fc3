"""The API over a real PostgreSQL."""

from collections.abc import AsyncIterator

import pytest_asyncio

from control_plane.store.database import Database
from tests.integration.postgres import database_url, postgres_server
from tests.unit.admin.world import World, running

__all__ = ["database_url", "postgres_server"]


@pytest_asyncio.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with Database(database_url) as database, running(database) as made:
        yield made
