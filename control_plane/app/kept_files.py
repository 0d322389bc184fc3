"""The files of a state directory that belong in a backup, and how they come back: all, or none.

Not among them: sockets and locks, the gateway's own directory (its key never leaves it, and it gets a new
certificate), and the embedded database's files (its content is backed up, not its pages).
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from control_plane.app.audit_log import DIRECTORY as AUDIT
from control_plane.app.settings import FILE_NAME, Settings
from control_plane.model.problem import InvalidValueError
from control_plane.trust.ca_files import CaFiles
from control_plane.trust.files import DIRECTORY_MODE, write_private

CA, RUN, CERTIFICATES, TOKENS = "ca", "run", "certificates", "tokens.json"
SETTINGS_KEPT = "proxenia.toml.from-backup"  # to be compared with what is in force now, and never read
_MOST = 64 << 20  # bytes of one file


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file by its name in the backup."""

    name: str
    content: bytes


def kept_files(settings: Settings) -> list[KeptFile]:
    """Everything as it is now; keys and anchors of one moment."""
    with ExitStack() as stack:
        if settings.authority == "built-in":
            stack.enter_context(CaFiles(settings.state_dir / CA, settings.trust_domain).locked())
        return [KeptFile(name, path.read_bytes()) for name, path in _paths(settings)]


def _paths(settings: Settings) -> Iterator[tuple[str, Path]]:
    trees = [(CA, settings.state_dir / CA), (AUDIT, settings.state_dir / AUDIT)]
    if settings.authority != "built-in":
        trees.append((CERTIFICATES, settings.certificates_dir))
    for name, root in trees:
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield f"{name}/{path.relative_to(root).as_posix()}", path
    for name, path in (
        (f"{RUN}/{TOKENS}", settings.run_dir / TOKENS),
        (FILE_NAME, settings.state_dir / FILE_NAME),
    ):
        if path.is_file():
            yield name, path


def expect_no_files(settings: Settings) -> None:
    """Raise InvalidValueError ``not_empty`` when the state directory has been used."""
    state = settings.state_dir
    used = [state / name for name in (CA, AUDIT, "gateway", "postgres")]
    if settings.authority != "built-in":
        used.append(settings.certificates_dir)
    found = [path for path in used if path.is_dir() and any(path.iterdir())]
    found += [path for path in (settings.run_dir / TOKENS,) if path.exists()]
    if found:
        raise InvalidValueError(
            "not_empty",
            f"expected a state directory that was not used yet, got one with {found[0]}: choose another"
            " --state-dir, or move that away",
        )


@dataclass(slots=True)
class Placing:
    """Puts files where they belong, and takes them away again when the rest did not succeed."""

    settings: Settings
    _placed: list[Path] = field(default_factory=list)

    def place(self, file: KeptFile) -> None:
        """Write one file, mode 0600, in directories of mode 0700."""
        path = self._path(file.name)
        self._directory(path.parent)
        write_private(path, file.content)
        self._placed.append(path)

    def take_back(self) -> None:
        """Remove what was placed, and the directories that were made for it."""
        for path in reversed(self._placed):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if name == FILE_NAME:
            return self.settings.state_dir / SETTINGS_KEPT
        known = parts[0] in {CA, AUDIT, CERTIFICATES} or name == f"{RUN}/{TOKENS}"
        if not known or ".." in parts or PurePosixPath(name).is_absolute():
            raise InvalidValueError(
                "damaged_backup", f"expected a file of a state directory, got {name[:80]!r}"
            )
        if parts[0] == CERTIFICATES:
            return self.settings.certificates_dir.joinpath(*parts[1:])
        return self.settings.state_dir.joinpath(*parts)

    def _directory(self, path: Path) -> None:
        if not path.exists():
            self._directory(path.parent)
            path.mkdir(mode=DIRECTORY_MODE)
            self._placed.append(path)
