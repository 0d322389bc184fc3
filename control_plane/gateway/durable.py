"""Replace a file so that a reader, or a machine that loses power, finds either the old content or the new."""

import os
from pathlib import Path


class KeptFile:
    """Implements ports.kept.KeptLog in one file of its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """All of it."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""

    def append(self, data: bytes) -> None:
        """At the end of the file, and on the disk."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fdatasync(descriptor)

    def replace(self, data: bytes) -> None:
        """By another file."""
        replace_file(self._path, data)


def replace_file(path: Path, content: str | bytes, *, mode: int = 0o600) -> None:
    """Write beside ``path``, bring it to the disk, and rename over it (which a watching Envoy notices)."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)  # a file left by an interrupted attempt keeps its mode, whatever it was
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
