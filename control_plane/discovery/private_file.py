"""Secrets in files: read when they are needed, refused when others could read them too."""

import os
import stat
from pathlib import Path

from control_plane.model.problem import InvalidValueError

MAX_SECRET = 64 << 10  # bytes


def read_secret(path: Path) -> str:
    """The text of a file of ours with mode 0600 or less, without what surrounds it. InvalidValueError."""
    try:
        # Not blocking: a pipe in its place must not stop everything.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidValueError("unreadable_file", f"cannot read {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        _check(path, os.fstat(descriptor))
        content = file.read(MAX_SECRET + 1)
    try:
        text = content.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise InvalidValueError(
            "unreadable_file", f"expected ASCII text in {path}, got other bytes"
        ) from error
    if not text or len(content) > MAX_SECRET:
        raise InvalidValueError(
            "unreadable_file", f"expected 1 to {MAX_SECRET} bytes in {path}, got {len(content)}"
        )
    return text


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InvalidValueError("unsafe_file", f"expected a plain file at {path}, got something else")
    if status.st_uid not in {os.geteuid(), 0}:
        raise InvalidValueError(
            "unsafe_owner", f"expected {path} to belong to user {os.geteuid()} or root, got {status.st_uid}"
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise InvalidValueError(
            "unsafe_mode", f"expected mode 0600 on {path}, got {mode:04o}: run 'chmod 600'"
        )
