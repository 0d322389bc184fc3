"""Real servers for the tests of the store."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from control_plane.store.database import Database
from tests.integration.postgres import database_url, postgres_server

__all__ = ["database_url", "postgres_server"]


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A short directory, since sockets are in it; open for passing through, as ``/var/lib`` is."""
    path = Path(tempfile.mkdtemp(prefix="proxenia-t-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as opened:
        yield opened
