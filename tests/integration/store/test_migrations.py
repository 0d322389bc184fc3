"""Bringing a database to this version's schema."""

import asyncio
import subprocess
import sys
from itertools import count

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from control_plane.store.errors import UnusableDatabaseError
from control_plane.store.migrate import migrate, revisions
from control_plane.store.migrations.upgrade import config
from control_plane.store.server_files import ROLE
from tests.integration.postgres import Server
from tests.integration.store.servers import execute, value_of

pytestmark = pytest.mark.integration
_numbers = count()


async def empty_database(server: Server, *, options: str = "") -> str:
    name = f"empty_{next(_numbers)}"
    await server.administer(f"CREATE DATABASE {name} OWNER {ROLE} {options}")
    return server.url(name)


def test_the_newest_file_is_what_alembic_calls_the_head() -> None:
    heads = ScriptDirectory.from_config(config()).get_heads()

    assert heads == [revisions()[-1]]


async def test_several_at_once_make_one_schema(postgres_server: Server) -> None:
    url = await empty_database(postgres_server)

    await asyncio.gather(*(migrate(url) for _ in range(4)))

    assert await value_of(url, "SELECT count(*) FROM head") == 1
    assert await value_of(url, "SELECT version_num FROM alembic_version") == revisions()[-1]


async def test_a_schema_that_is_newest_already_costs_no_import_of_alembic(database_url: str) -> None:
    script = (
        "import asyncio, sys; from control_plane.store.migrate import migrate;"
        "asyncio.run(migrate(sys.argv[1])); print('alembic' in sys.modules, 'sqlalchemy' in sys.modules)"
    )

    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", script, database_url],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.strip() == "False False"


async def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    await execute(database_url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(UnusableDatabaseError, match="got 9999: a newer Proxenia was here"):
        await migrate(database_url)

    assert await value_of(database_url, "SELECT version_num FROM alembic_version") == "9999"


async def test_a_migration_that_fails_leaves_nothing_behind(postgres_server: Server) -> None:
    url = await empty_database(postgres_server)
    await execute(url, "CREATE TABLE checkpoints ()")  # somebody else's table in the way

    with pytest.raises(Exception, match="checkpoints"):
        await migrate(url)

    assert await value_of(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1


async def test_a_database_that_cannot_hold_every_text_is_refused(postgres_server: Server) -> None:
    url = await empty_database(postgres_server, options="ENCODING 'SQL_ASCII' TEMPLATE template0")

    with pytest.raises(UnusableDatabaseError, match="expected a database with encoding UTF8, got SQL_ASCII"):
        await migrate(url)


@pytest.mark.parametrize("table", ["history", "audit_events"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET key = ''", "TRUNCATE {}"])
async def test_records_cannot_be_changed(database_url: str, table: str, statement: str) -> None:
    column = {"history": "key", "audit_events": "reason"}[table]

    with pytest.raises(asyncpg.RaiseError, match=f"{table} is append-only"):
        await execute(database_url, statement.format(table).replace("key", column))
