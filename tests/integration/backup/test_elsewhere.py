"""From one database to another, whose schema belongs to another role than the application's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from alembic import command
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from control_plane.app.audit_log import AuditLogParts, open_database
from control_plane.app.backup import Backup, back_up
from control_plane.app.own_trust import open_authority, utc_now
from control_plane.app.restore import check, restore
from control_plane.app.settings import Settings, load
from control_plane.backup.sealed import Hardness
from control_plane.model.change import Kind
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit import AuditQuery
from control_plane.ports.objects import Write
from control_plane.store.database import Database
from control_plane.store.migrate import migrate, revisions
from control_plane.store.migrations.upgrade import config
from control_plane.store.server_files import ADMIN, OWNER
from control_plane.store.snapshot import LEFT_OUT
from tests.fakes.values import node, one_of_each
from tests.integration.audit.ledger import event
from tests.integration.postgres import Server
from tests.integration.store.servers import execute

pytestmark = pytest.mark.integration

PASSPHRASE = "correct horse battery staple"  # noqa: S105 - of these tests
QUICK = Hardness(n=2)
_numbers = count()


@dataclass(frozen=True, slots=True)
class Machine:
    """A state directory and a database."""

    settings: Settings
    admin: str

    @property
    def files(self) -> set[str]:
        """What is in the state directory, but for locks."""
        state = self.settings.state_dir
        found = {str(path.relative_to(state)) for path in state.rglob("*") if path.is_file()}
        return {name for name in found if not name.endswith(".lock")}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[Database, AuditLogParts]]:
        """What a control plane works with."""
        authority = open_authority(self.settings, now=utc_now())
        async with open_database(self.settings, authority) as database:
            await database.migrate()
            yield database, AuditLogParts.of(self.settings, database, authority)

    async def back_up(self, file: Path) -> Backup:
        """As an operator does it."""
        return await back_up(self.settings, file, PASSPHRASE, progress=quiet, hardness=QUICK)

    async def restore(self, file: Path) -> None:
        """As an operator does it."""
        about = check(file, PASSPHRASE, progress=quiet)
        await restore(self.settings, file, PASSPHRASE, about, progress=quiet)


def quiet(_step: str) -> None:
    """Nobody looks."""


@pytest_asyncio.fixture
async def machines(postgres_server: Server, tmp_path: Path) -> AsyncIterator[tuple[Machine, Machine]]:
    """One in use, and an empty one."""
    made = []
    for name in ("first", "second"):
        database = f"backup_{next(_numbers)}"
        await postgres_server.administer(f"CREATE DATABASE {database} OWNER {OWNER}")
        (tmp_path / name).mkdir()
        given = {
            "trust_domain": "luebeck.example",
            "state_dir": tmp_path / name,
            "database_url": postgres_server.url(database),
            "database_owner_url": postgres_server.url(database, role=OWNER),
        }
        made.append((database, Machine(load(None, given), postgres_server.url(database, role=ADMIN))))
    await fill(made[0][1])
    yield made[0][1], made[1][1]
    for database, _ in made:
        await postgres_server.administer(f"DROP DATABASE {database} WITH (FORCE)")


async def fill(machine: Machine) -> None:
    """Objects of every kind, and a log that is partly sealed."""
    async with machine.open() as (database, parts):
        values = one_of_each()
        writes = [Write(kind, value.key, value) for kind, value in values.items()]
        await database.objects.write(writes, actor="somebody")
        await database.audit.append([event(number) for number in range(1, 3001)])
        await seal(parts)
        await database.audit.append([event(number) for number in range(3001, 3010)])
        await database.audit.append(
            [event(number, at=utc_now().replace(year=2020)) for number in (4000, 4001)]
        )


async def seal(parts: AuditLogParts) -> None:
    edge, more = await parts.sealer.edge(), True
    while more:
        edge, more = await parts.sealer.step(edge)


async def dumped(machine: Machine) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    connection = await asyncpg.connect(machine.admin)
    try:
        names = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition"
        )
        return {
            row[0]: sorted(one[0] for one in await connection.fetch(f"SELECT t::text FROM {row[0]} t"))  # noqa: S608 - a name of ours
            for row in names
        }
    finally:
        await connection.close()


async def test_every_row_comes_back_and_the_log_is_good_and_goes_on(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    first, second = machines
    made = await first.back_up(tmp_path / "backup")
    before = await dumped(first)

    await second.restore(tmp_path / "backup")

    after = await dumped(second)
    assert LEFT_OUT.keys() <= before.keys()
    for table in before.keys() - LEFT_OUT.keys() - {"audit_epochs"}:
        assert set(before[table]) <= set(after[table]), table
    assert sum(len(rows) for table, rows in before.items() if table not in LEFT_OUT) == made.rows
    assert len(after["audit_events"]) == len(before["audit_events"]) + 1
    assert first.files <= second.files
    for name in first.files:
        assert (second.settings.state_dir / name).read_bytes() == (
            first.settings.state_dir / name
        ).read_bytes()
    async with second.open() as (database, parts):
        await database.audit.append([event(number) for number in range(5000, 5010)])
        await seal(parts)
        checked = await parts.verification().begin()
        while await checked.step():
            pass
        assert (checked.bad, checked.total) == (None, len(before["audit_events"]) + 11)
        said = await database.audit.query(AuditQuery(resource="database"))
        assert [(row.action, row.metadata.get("taken_at")) for row in said] == [
            ("restore", made.taken_at),
            ("backup", None),
        ]
        found = await database.objects.changes(0)
        assert {item.kind for item in found.items} == set(Kind)


async def test_a_failure_on_the_way_leaves_nothing(machines: tuple[Machine, Machine], tmp_path: Path) -> None:
    """A disk that goes bad between checking and loading."""
    first, second = machines
    file = tmp_path / "backup"
    await first.back_up(file)
    about = check(file, PASSPHRASE, progress=quiet)
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)

    with pytest.raises(InvalidValueError) as caught:
        await restore(second.settings, file, PASSPHRASE, about, progress=quiet)

    assert caught.value.code == "damaged_backup"
    assert second.files == set()
    rows = await dumped(second)
    assert rows["objects"] == rows["audit_events"] == rows["history"] == []
    await first.back_up(tmp_path / "good")
    await second.restore(tmp_path / "good")


async def test_nothing_is_restored_over_something(machines: tuple[Machine, Machine], tmp_path: Path) -> None:
    first, second = machines
    await first.back_up(tmp_path / "backup")

    with pytest.raises(InvalidValueError) as caught:
        await first.restore(tmp_path / "backup")
    assert caught.value.code == "not_empty"

    async with Database(second.settings.database_url, owner=second.settings.database_owner_url) as database:
        await database.migrate()
        await database.audit.append([event(1)])
    with pytest.raises(InvalidValueError) as caught:
        await second.restore(tmp_path / "backup")
    assert caught.value.code == "not_empty"
    assert second.files == set()


async def test_a_backup_of_an_older_schema_is_brought_up_to_date_and_one_of_a_newer_is_refused(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    first, second = machines
    older = revisions()[-2]
    await set_back(first, older)
    made = await first.back_up(tmp_path / "older")
    await execute(first.admin, "UPDATE alembic_version SET version_num = '9999'")
    newer = await first.back_up(tmp_path / "newer")
    await migrate(second.settings.database_url, owner=second.settings.database_owner_url)

    with pytest.raises(InvalidValueError) as unused_but_newer:
        await second.restore(tmp_path / "older")
    with pytest.raises(InvalidValueError) as refused:
        await second.restore(tmp_path / "newer")
    await set_back(second, older)
    await second.restore(tmp_path / "older")

    assert (made.schema_revision, newer.schema_revision) == (older, "9999")
    assert (unused_but_newer.value.code, refused.value.code) == ("not_empty", "other_schema")
    assert "got one with 9999" in refused.value.detail
    rows = await dumped(second)
    assert rows["alembic_version"] == [f"({revisions()[-1]})"]
    assert len(rows["audit_events"]) == 3013
    async with second.open() as (database, _):
        found = await database.objects.changes(0)
        assert {item.kind for item in found.items} == set(Kind)


async def set_back(machine: Machine, revision: str) -> None:
    """Its schema is that of an earlier version of ours."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(machine.settings.database_owner_url)

    def run(connection: Connection) -> None:
        made = config()
        made.attributes["connection"] = connection
        command.downgrade(made, revision)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


async def test_a_backup_is_of_one_moment_while_objects_are_written(
    machines: tuple[Machine, Machine], tmp_path: Path
) -> None:
    first, second = machines
    numbers = count()
    begun, done = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with first.open() as (database, _):
            while not done.is_set():
                late = node(f"late-{next(numbers)}")
                await database.objects.write([Write(Kind.NODE, late.key, late)], actor="somebody")
                begun.set()

    writing = asyncio.create_task(write())
    await begun.wait()
    await first.back_up(tmp_path / "backup")
    during = next(numbers)
    done.set()
    await writing

    await second.restore(tmp_path / "backup")

    rows = await dumped(second)
    assert during > 10
    late = [row for row in rows["objects"] if "late" in row]
    assert 0 < len(late) < during
    assert len([row for row in rows["history"] if "late" in row]) == len(late)
    assert rows["head"] == [f"(t,{len(late) + 1})"]
