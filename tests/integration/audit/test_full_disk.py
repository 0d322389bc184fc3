"""A database whose disk is full refuses rows instead of losing them, and goes on when there is room again."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from control_plane.app.demo.organisation import eventually
from control_plane.ports.audit import AuditQuery
from control_plane.ports.errors import UnavailableError
from control_plane.store.database import Database
from control_plane.store.embedded import EmbeddedPostgres
from control_plane.store.server_files import ADMIN, ServerFiles
from tests.integration.audit.ledger import Ledger, event, head_file
from tests.unit.peering.world import Organisation

pytestmark = pytest.mark.integration

ROOM = 24 << 20  # bytes that are left before rows are stored: a file of the WAL, and a little
ROWS = 500  # of one shipment
MOST = 400  # shipments that may fit


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A directory on a disk of its own, that the server's user can pass."""
    disk = Path(tempfile.mkdtemp(prefix="proxenia-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=160m,mode=0711", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, timeout=10).returncode != 0:
        disk.rmdir()
        pytest.skip("a small disk can only be mounted as root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True, timeout=10)
    disk.rmdir()


async def test_a_full_disk_of_the_database_loses_nothing_that_was_acknowledged(
    small_disk: Path, luebeck: Organisation, tmp_path: Path
) -> None:
    server = EmbeddedPostgres(small_disk / "state")
    dsn = await server.start()
    try:
        async with Database(dsn, owner=server.owner_dsn, sign=Ledger.signer(luebeck)) as database:
            await database.migrate()
            admin = ServerFiles.of(small_disk / "state").dsn(role=ADMIN)
            ledger = Ledger(database, dsn, admin, luebeck, head_file(tmp_path))
            filler = small_disk / "filler"
            filler.write_bytes(b"x" * (room(small_disk) - ROOM))

            stored = await store_until_refused(database)
            filler.unlink()

            async def goes_on() -> bool:
                with suppress(UnavailableError, OSError, RuntimeError):
                    await server.start()  # as its supervisor does when it ended
                try:
                    return await database.audit.append([event(stored)]) == 1
                except UnavailableError:
                    return False

            await eventually("rows to be taken again", goes_on, within=60)
            await ledger.seal()
            found = await ledger.verify()
            assert stored > 0
            assert (found.bad, found.total) == (None, stored + 1)
            assert len(await database.audit.query(AuditQuery(limit=stored + 2))) == stored + 1
    finally:
        await server.stop()


def room(disk: Path) -> int:
    """The bytes that are free."""
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


async def store_until_refused(database: Database) -> int:
    """Store shipments until the database says that it cannot; the rows that it has acknowledged."""
    for number in range(MOST):
        try:
            await database.audit.append([event(one) for one in range(number * ROWS, (number + 1) * ROWS)])
        except UnavailableError:
            return number * ROWS
    raise AssertionError("expected the disk to be full at some time")
