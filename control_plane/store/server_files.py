"""The files of the embedded server: where they are, who owns them, and what its configuration says.

What PostgreSQL may write (data, socket) belongs to the user it runs as; what it only reads (configuration,
copied programs) belongs to its launcher, so that root never writes where another user could lay a link.
"""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from control_plane.ports.errors import UnavailableError
from control_plane.store.account import Account, blocked_at
from control_plane.store.errors import UnusableDatabaseError

ROLE = "proxenia"  # the application: it can add records, and change none
OWNER = "proxenia_owner"  # owns the database, and is no superuser
ADMIN = "postgres"  # the superuser; only the launcher uses it
DATABASE = "proxenia"
PORT = 5432  # no port is opened; it is a part of the socket's name

_SOCKET_NAME = f".s.PGSQL.{PORT}"
_MAX_DIRECTORY = 107 - len(_SOCKET_NAME) - 1  # bytes; sockaddr_un holds 107 and a NUL
_PLAIN = re.compile(r"[A-Za-z0-9/._+@-]+\Z")  # what needs no quoting in a list of socket directories


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The paths under ``<state directory>/postgres``."""

    root: Path

    @classmethod
    def of(cls, state_dir: Path) -> "ServerFiles":
        """The files of the server of one state directory."""
        return cls(state_dir.absolute() / "postgres")

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.root / "data"

    @property
    def unfinished(self) -> Path:
        """A data directory that is not complete yet; it gets its name when it is."""
        return self.root / "data.unfinished"

    @property
    def configuration(self) -> Path:
        """What the server is started with."""
        return self.root / "conf" / "postgresql.conf"

    @property
    def programs(self) -> Path:
        """Copies of PostgreSQL's programs, where its user cannot reach the originals."""
        return self.root / "programs"

    @property
    def lock(self) -> Path:
        """Held by the one launcher of this directory."""
        return self.root / "lock"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.root / "server.log"

    @property
    def record(self) -> Path:
        """Names the socket directory, when it has to be elsewhere."""
        return self.root / "socket"

    def socket_directory(self) -> Path:
        """Where the socket is; UnavailableError when only the first start decides that, and was not yet."""
        usual = self.root / "run"
        if len(os.fsencode(usual)) <= _MAX_DIRECTORY and _PLAIN.match(str(usual)):
            return usual
        try:
            return Path(self.record.read_text(encoding="utf-8").strip())
        except FileNotFoundError as error:
            raise UnavailableError(
                f"expected an embedded PostgreSQL in {self.root}, got none yet: start it with `proxenia up`"
            ) from error

    def dsn(self, *, role: str = ROLE, database: str = DATABASE) -> str:
        """How to connect; it holds no secret."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.socket_directory()))}&port={PORT}"

    def prepare(self, account: Account | None) -> None:
        """Make the directories; UnusableDatabaseError when the server's user could not get to them."""
        mode = 0o711 if account else 0o700
        self.root.parent.mkdir(mode=mode, parents=True, exist_ok=True)
        self.root.mkdir(exist_ok=True)
        self.root.chmod(mode)
        if account:
            self._let_through(account)
        self.log.touch(mode=0o600)
        self.configuration.parent.mkdir(mode=0o755, exist_ok=True)
        self.configuration.parent.chmod(0o755)

    def _let_through(self, account: Account) -> None:
        """Open our own state directory for passing through, and nothing above it."""
        blocked = blocked_at(self.root, account)
        if blocked == self.root.parent.resolve():
            blocked.chmod(blocked.stat().st_mode & 0o7777 | 0o011)
            blocked = blocked_at(self.root, account)
        if blocked is not None:
            raise UnusableDatabaseError(
                f"PostgreSQL runs as user {account.name} instead of root, and expected to reach {self.root}, "
                f"got a closed directory {blocked}: choose another place, "
                "such as --state-dir /var/lib/proxenia, or set a database URL"
            )

    def make_socket_directory(self, account: Account | None) -> Path:
        """An empty directory that only the server's user can enter; by the name used before, if possible."""
        owner = account.uid if account else os.geteuid()
        try:
            directory = self.socket_directory()
        except UnavailableError:
            directory = self._elsewhere()
        if not _make_private(directory, owner=owner):
            if directory.parent == self.root:
                raise UnusableDatabaseError(
                    f"expected {directory} to be a directory of mode 0700 owned by user id {owner}, "
                    "got something else: remove it"
                )
            directory = self._elsewhere()
        for leftover in directory.iterdir():  # of a server that was killed; a living one was ended before
            leftover.unlink()
        if account:
            os.chown(directory, account.uid, account.gid, follow_symlinks=False)
        return directory

    def _elsewhere(self) -> Path:
        directory = Path(tempfile.mkdtemp(prefix="proxenia-", dir="/tmp"))  # short, whatever TMPDIR says
        self.record.touch(mode=0o600)
        self.record.write_text(f"{directory}\n", encoding="utf-8")
        return directory

    def remove_socket_directory(self) -> None:
        """Take away what is outside of the state directory; its name stays recorded for the next start."""
        if self.record.exists() and self.socket_directory().parent != self.root:
            shutil.rmtree(self.socket_directory(), ignore_errors=True)


def dsn_of(state_dir: Path) -> str:
    """The DSN of the embedded server of ``state_dir``, whether it runs or not."""
    return ServerFiles.of(state_dir).dsn()


def owner_dsn_of(state_dir: Path) -> str:
    """How the owner of the schema connects to it."""
    return ServerFiles.of(state_dir).dsn(role=OWNER)


def _make_private(directory: Path, *, owner: int) -> bool:
    """Make the directory, or accept one that is already as it should be."""
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        entry = directory.lstat()
        private = not directory.is_symlink() and directory.is_dir() and entry.st_mode & 0o077 == 0
        return private and entry.st_uid in {owner, os.geteuid()}
    return True
