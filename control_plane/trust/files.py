"""Files that hold private keys: written so that nobody else can read them, refused when somebody could."""

import os
import stat
from pathlib import Path

from control_plane.model.problem import InvalidValueError

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600


def check_private(path: Path) -> None:
    """Refuse a file or directory that is a link, another user's, or open to group or others."""
    status = path.lstat()
    directory = stat.S_ISDIR(status.st_mode)
    if not (directory or stat.S_ISREG(status.st_mode)):
        raise InvalidValueError(
            "unsafe_file", f"expected a plain file or directory at {path}, got something else"
        )
    if status.st_uid != os.geteuid():
        raise InvalidValueError(
            "unsafe_owner",
            f"expected {path} to belong to user {os.geteuid()}, got user {status.st_uid}: run as that user,"
            " or change its owner",
        )
    mode = stat.S_IMODE(status.st_mode)
    expected = DIRECTORY_MODE if directory else FILE_MODE
    if mode & ~expected:
        raise InvalidValueError(
            "unsafe_mode",
            f"expected mode {expected:04o} on {path}, got {mode:04o}: run 'chmod {expected:o} {path}', and"
            " replace the keys if others may have read them",
        )


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 in one step: it is there as a whole, on the disk, or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, FILE_MODE)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames in ``path`` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
