"""Our own heads outside of the database: what was cut off the log's end is missed by them.

One signed head a line, only ever added. Whoever can change the database cannot change this; a partner who has
our heads (they are exchanged) is the other such place.
"""

import os
from pathlib import Path

_TAIL = 4 << 20  # bytes of the file that are read back
MAX_BYTES = 64 << 20  # then a file of its own begins


class HeadFile:
    """``heads.jws`` in ``directory``; the one before is kept beside it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "heads.jws"

    def add(self, signed: bytes) -> None:
        """Bring a head to the disk."""
        self._directory.mkdir(mode=0o700, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size > MAX_BYTES:
            self._path.replace(self._path.with_suffix(".jws.1"))
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(signed + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def last(self, count: int = 1000) -> list[bytes]:
        """The last heads, oldest first; a line that a crash cut short is none."""
        found: list[bytes] = []
        for path in (self._path.with_suffix(".jws.1"), self._path):
            if path.exists():
                found += _lines(path)
        return found[-count:]


def _lines(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        data = file.read()
    lines = data.split(b"\n")[:-1]
    return [line for line in (lines[1:] if size > _TAIL else lines) if line]
