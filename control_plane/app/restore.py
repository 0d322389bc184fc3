"""``proxenia restore``: an organisation on an empty machine, from the file that ``proxenia backup`` made.

The file is read twice: first all of it is checked, and nothing is touched; then it is put into one
transaction of the database. Keys and files are placed before that is committed, and taken back if it is
not.
"""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control_plane import __version__
from control_plane.app.audit_log import open_database
from control_plane.app.backup import ABOUT, FILES, TABLES, Progress, database_of, owner_of
from control_plane.app.kept_files import KeptFile, Placing, expect_no_files
from control_plane.app.own_trust import open_authority, utc_now
from control_plane.app.settings import Settings, SettingsError
from control_plane.app.up import hold_lock, prepare_state, remember
from control_plane.audit.retention import own_event
from control_plane.backup.archive import Reading, entries
from control_plane.backup.sealed import opened
from control_plane.model.problem import InvalidValueError
from control_plane.ports.errors import UnavailableError
from control_plane.store.embedded import EmbeddedPostgres
from control_plane.store.loading import expect_empty, loading
from control_plane.store.migrate import migrate, revisions


@dataclass(frozen=True, slots=True)
class About:
    """What a backup says of itself; everything in it was found to be whole."""

    organisation: str
    version: str
    revision: str
    taken_at: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back."""

    organisation: str
    taken_at: str
    version: str
    rows: int
    files: int


def check(file: Path, passphrase: str, *, progress: Progress) -> About:
    """Read the whole file and compare it with its manifest; nothing else is touched.

    Raises InvalidValueError: a code of ``backup.sealed``, ``other_schema``, ``unreadable_file``.
    """
    about: About | None = None
    for entry in _read(file, passphrase):
        if about is None:
            about = _about(entry)
        for _ in entry.chunks:
            pass
        progress(f"checking {entry.name}")
    if about is None:
        raise InvalidValueError("damaged_backup", "expected something in the backup, got nothing")
    return about


async def restore(
    settings: Settings, file: Path, passphrase: str, about: About, *, progress: Progress
) -> Restored:
    """Put back what ``check`` found good. Raises InvalidValueError ``not_empty``, ``other_organisation``."""
    if about.organisation != settings.trust_domain:
        raise InvalidValueError(
            "other_organisation",
            f"expected a backup of {settings.trust_domain}, got one of {about.organisation}: name its trust"
            " domain, or another --state-dir",
        )
    expect_no_files(settings)
    prepare_state(settings)
    with hold_lock(settings):
        async with _server(settings, progress):
            owner = owner_of(settings)
            await expect_empty(owner, newest=about.revision)
            await migrate(owner, to=about.revision)
            done = await _load(settings, file, passphrase, about, progress)
            remember(settings)
            await _record(settings, about, progress)
    return done


async def _load(
    settings: Settings, file: Path, passphrase: str, about: About, progress: Progress
) -> Restored:
    placing = Placing(settings)
    rows = files = 0
    tables: dict[str, None] = {}
    try:
        async with loading(owner_of(settings)) as loader:
            await loader.make_days(about.parts)
            for entry in _read(file, passphrase):
                if entry.name.startswith(FILES):
                    placing.place(KeptFile(entry.name.removeprefix(FILES), entry.content()))
                    files += 1
                elif entry.name.startswith(TABLES):
                    name = entry.name.removeprefix(TABLES)
                    tables[name] = None
                    rows += await loader.copy(name, entry.facts["columns"], entry.chunks)
                    progress(f"{name}: {rows:,} rows so far")
            await loader.finish(tuple(tables))
        await _bring_up_to_date(settings, progress)
    except BaseException:
        placing.take_back()
        raise
    return Restored(about.organisation, about.taken_at, about.version, rows, files)


async def _bring_up_to_date(settings: Settings, progress: Progress) -> None:
    """From the schema of the backup to ours, with the rights of the application."""
    try:
        await migrate(database_of(settings), owner=owner_of(settings))
    except UnavailableError as error:
        progress(f"everything is back, and its schema is brought up to date at the first start: {error}")


@asynccontextmanager
async def _server(settings: Settings, progress: Progress) -> AsyncIterator[None]:
    """Run the embedded database where there is no other; if the restore fails, nothing is left of it."""
    if settings.database_url:
        yield
        return
    server = EmbeddedPostgres(settings.state_dir, progress=progress)
    try:
        await server.start()
        yield
    except BaseException:
        await server.stop()
        shutil.rmtree(settings.state_dir / "postgres", ignore_errors=True)
        raise
    await server.stop()


async def _record(settings: Settings, about: About, progress: Progress) -> None:
    """From here on the log is another than the one that went on after the backup, if it did."""
    facts = {"version": __version__, "taken_at": about.taken_at}
    event = own_event(settings.trust_domain, "restore", "database", at=utc_now(), **facts)
    try:
        authority = open_authority(settings, now=utc_now())
        async with open_database(settings, authority) as database:
            await database.audit.append([event])
    except (UnavailableError, InvalidValueError, SettingsError) as error:
        progress(f"everything is back, but the audit does not say so: {error}")


def _read(file: Path, passphrase: str) -> Iterator[Reading]:
    try:
        with file.open("rb") as stream:
            yield from entries(opened(stream, passphrase))
    except OSError as error:
        raise InvalidValueError(
            "unreadable_file", f"cannot read {file}: {error.strerror or error}"
        ) from error


def _about(entry: Reading) -> About:
    facts: dict[str, Any] = entry.facts
    if entry.name != ABOUT:
        raise InvalidValueError("damaged_backup", "expected what the backup is of, got something else")
    if facts["revision"] not in revisions():
        raise InvalidValueError(
            "other_schema",
            f"expected a backup with schema {revisions()[-1]} or older, got one with {facts['revision']}"
            f" of Proxenia {facts['version']}: restore it with that version, or a newer one",
        )
    return About(
        facts["organisation"], facts["version"], facts["revision"], facts["taken_at"], tuple(facts["parts"])
    )
