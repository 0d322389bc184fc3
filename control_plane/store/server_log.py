"""What the embedded server says, in a file that stays small.

The server appends to the file itself, not to a pipe: a launcher that is busy or dead must not stop it.
"""

import asyncio
import os
from pathlib import Path

MAX_LOG = 1 << 20  # bytes; one older log of the same size is kept
_TRIM_EVERY = 60.0  # seconds
_SHOWN = 1500  # bytes of the log in an error


class ServerLog:
    """One log file, and the task that keeps it small while the server runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Trim now and then, until ``stop``."""
        self._task = asyncio.create_task(self._keep_small(), name="postgres-log")

    async def stop(self) -> None:
        """End the task; may be called at any time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def trim(self) -> None:
        """Keep the last part aside and empty the file in place, since the server has it open."""
        if self.size <= MAX_LOG:
            return
        with self.path.open("r+b") as file:
            file.seek(-MAX_LOG, os.SEEK_END)
            self.path.with_suffix(".log.1").write_bytes(file.read())
            file.truncate(0)

    @property
    def size(self) -> int:
        """Bytes in the file; 0 when there is none yet."""
        return self.path.stat().st_size if self.path.exists() else 0

    def since(self, offset: int) -> bytes:
        """What was said after the log had ``offset`` bytes."""
        return self.path.read_bytes()[offset:] if self.path.exists() else b""

    def last_words(self) -> str:
        """The end of the log as an error may repeat it."""
        said = self.since(max(0, self.size - _SHOWN)).decode(errors="replace").strip()
        return said or f"nothing in {self.path}"

    async def _keep_small(self) -> None:
        while True:
            await asyncio.sleep(_TRIM_EVERY)
            self.trim()
