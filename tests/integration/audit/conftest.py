"""A log in a database of its own, whose schema belongs to another role than the application's."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from control_plane.store.database import Database
from control_plane.store.migrate import migrate
from control_plane.store.server_files import ADMIN, OWNER
from tests.integration.audit.ledger import Ledger, head_file
from tests.integration.postgres import Server, database_url, postgres_server
from tests.unit.peering.world import LUEBECK, Organisation

__all__ = ["database_url", "postgres_server"]

TEMPLATE = "guarded"
_numbers = count()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guarded(postgres_server: Server) -> str:
    """The name of a template database whose schema belongs to its owner."""
    await postgres_server.administer(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
    await migrate(postgres_server.url(TEMPLATE), owner=postgres_server.url(TEMPLATE, role=OWNER))
    return TEMPLATE


@pytest.fixture(scope="session")
def luebeck() -> Organisation:
    """Who signs."""
    from tests.integration.audit.ledger import now  # noqa: PLC0415 - the clock is that of this session

    return Organisation.new(LUEBECK, now=now())


@pytest_asyncio.fixture
async def ledger(
    postgres_server: Server, guarded: str, luebeck: Organisation, tmp_path: Path
) -> AsyncIterator[Ledger]:
    """An empty log."""
    name = f"ledger_{next(_numbers)}"
    await postgres_server.administer(f"CREATE DATABASE {name} TEMPLATE {guarded} OWNER {OWNER}")
    url = postgres_server.url(name)
    try:
        async with Database(url, sign=Ledger.signer(luebeck)) as database:
            admin = postgres_server.url(name, role=ADMIN)
            yield Ledger(database, url, admin, luebeck, head_file(tmp_path))
    finally:
        await postgres_server.administer(f"DROP DATABASE {name} WITH (FORCE)")
