"""``proxenia backup``: one encrypted file with what an organisation is, taken while it runs.

Objects with their history, tokens as hashes, the keys of our authority, the audit with batches, seals and
heads, and what was agreed with partners. What is true only of what runs is left out (store/snapshot.py,
app/kept_files.py).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from control_plane import __version__
from control_plane.app.audit_log import open_database
from control_plane.app.kept_files import kept_files
from control_plane.app.own_trust import open_authority, utc_now
from control_plane.app.settings import Settings
from control_plane.audit.retention import own_event
from control_plane.backup.archive import Writer
from control_plane.backup.sealed import Hardness, Sealer
from control_plane.model.problem import InvalidValueError
from control_plane.store.embedded import dsn_of, owner_dsn_of
from control_plane.store.snapshot import Snapshot, Table, snapshot

ABOUT = "about"
FILES, TABLES = "files/", "tables/"
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """What was made."""

    file: str
    organisation: str
    taken_at: str
    schema_revision: str
    rows: int
    files: int
    bytes: int


def owner_of(settings: Settings) -> str:
    """How the owner of the schema connects: the application may not read partitions by themselves."""
    if settings.database_url:
        return settings.database_owner_url or settings.database_url
    return owner_dsn_of(settings.state_dir)


def database_of(settings: Settings) -> str:
    """How the application connects."""
    return settings.database_url or dsn_of(settings.state_dir)


async def back_up(
    settings: Settings, file: Path, passphrase: str, *, progress: Progress, hardness: Hardness | None = None
) -> Backup:
    """Write ``file``, mode 0600, which must not exist; it has its name only when it is whole.

    Raises InvalidValueError ``file_exists``, ``unwritable_file``, ``short_passphrase``; UnavailableError.
    """
    if file.exists():  # noqa: ASYNC240 - nothing else waits here
        raise InvalidValueError("file_exists", f"expected a new file, got {file}: choose another name")
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as out:
            sealer = Sealer(out, passphrase, hardness)
            made = await _write(settings, sealer, progress)
            sealer.close()
            out.flush()
            os.fsync(out.fileno())
        size = partial.stat().st_size
        partial.rename(file)
    except OSError as error:
        text = f"cannot write {partial}: {error.strerror or error}"
        raise InvalidValueError("unwritable_file", text) from error
    finally:
        partial.unlink(missing_ok=True)
    taken, rows, files = made
    return Backup(str(file), settings.trust_domain, taken.taken_at, taken.revision, rows, files, size)


async def _write(settings: Settings, sealer: Sealer, progress: Progress) -> tuple[Snapshot, int, int]:
    await _record(settings)
    # Files first: a head that is kept outside the database must be one that the database has.
    files = kept_files(settings)
    writer = Writer(sealer)
    rows = 0
    async with snapshot(owner_of(settings)) as taken:
        about = {
            "organisation": settings.trust_domain,
            "version": __version__,
            "revision": taken.revision,
            "taken_at": taken.taken_at,
            "parts": [part for table in taken.tables for part in table.parts],
        }
        writer.add(ABOUT, b"", **about)
        for one in files:
            writer.add(FILES + one.name, one.content)
        for table in taken.tables:
            rows += await _table(taken, table, writer, progress)
    writer.finish()
    return taken, rows, len(files)


async def _table(taken: Snapshot, table: Table, writer: Writer, progress: Progress) -> int:
    rows = 0

    async def take(data: bytes) -> None:
        writer.write(data)

    for part in table.read:
        writer.begin(TABLES + table.name, columns=table.columns)
        rows += await taken.copy(part, table.columns, take)
        done = writer.end()
        progress(f"{part}: {rows:,} rows, {done.size >> 20:,} MB")
    return rows


async def _record(settings: Settings) -> None:
    """An operator took a copy of everything: that belongs in the audit, and so into the copy."""
    authority = open_authority(settings, now=utc_now())
    event = own_event(settings.trust_domain, "backup", "database", at=utc_now(), version=__version__)
    async with open_database(settings, authority) as database:
        await database.audit.append([event])
