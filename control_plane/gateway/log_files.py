"""The files of one log. Envoy writes to one name for ever; what lies behind it is changed from time to time.

``access.jsonl`` is a symbolic link to ``access.<number>.jsonl``. Numbers only grow, so a file's name says
which it is for ever: no inode that the kernel may give out again, nothing to remember elsewhere. To rotate
is to point the link to the next number and to have Envoy open the link anew. Envoy closes a file before it
creates the next, hence the rule on which everything rests: **a file is complete when a later one exists**.
"""

import re
from pathlib import Path


class LogFiles:
    """The files of ``stream`` (``access``) in ``directory``."""

    def __init__(self, directory: Path, stream: str) -> None:
        self.directory = directory
        self.stream = stream
        self._link = directory / f"{stream}.jsonl"
        self._pattern = re.compile(rf"{re.escape(stream)}\.\d{{19}}\.jsonl\Z")

    def names(self) -> list[str]:
        """The files that exist, oldest first."""
        return sorted(path.name for path in self.directory.iterdir() if self._pattern.match(path.name))

    def size(self, name: str) -> int:
        """The bytes in a file; 0 when it does not exist (yet)."""
        try:
            return (self.directory / name).stat().st_size
        except FileNotFoundError:
            return 0

    def state(self) -> list[tuple[str, int]]:
        """What is there, in a form that differs as soon as anything was written."""
        return [(name, self.size(name)) for name in self.names()]

    def begin(self, now: int) -> None:
        """Give an Envoy that is about to start a file of its own.

        So a line that its predecessor did not finish stays the last of its file.

        Only while no Envoy runs: it creates the file, and so completes the ones before. ``now`` is in
        nanoseconds.
        """
        name = self.current()
        if name is None or self.size(name):
            name = self._point_to_next(now)
        (self.directory / name).touch(mode=0o600)

    def rotate(self, now: int, *, limit: int) -> bool:
        """Continue in a new file when the present one has reached ``limit`` bytes.

        True when Envoy has yet to open the new file (also when it was told before and did not).
        """
        name = self.current()
        if name is None or self.size(name) >= limit:  # None: somebody removed the link under a running Envoy
            name = self._point_to_next(now)
        return not (self.directory / name).exists()

    def shrunk(self, now: int) -> None:
        """Rename the present file after somebody cut it, so that positions never go backwards."""
        name = self.current()
        if name is not None:
            fresh = self._next_name(now)
            (self.directory / name).rename(self.directory / fresh)
            self._point_to(fresh)

    def discard(self, before: str) -> None:
        """Delete the files older than this one; all that was in them is in the audit."""
        for name in self.names():
            if name < before:
                (self.directory / name).unlink(missing_ok=True)

    def current(self) -> str | None:
        """The file that Envoy writes, or will create with its next opening; None when there is none yet."""
        try:
            return str(self._link.readlink())
        except OSError:
            return None

    def _point_to_next(self, now: int) -> str:
        name = self._next_name(now)
        if self._link.exists() and not self._link.is_symlink():
            # Written by an Envoy that no agent had prepared: its lines count as well.
            self._link.rename(self.directory / name)
            name = self._next_name(now)
        self._point_to(name)
        return name

    def _point_to(self, name: str) -> None:
        beside = self.directory / f".{self.stream}.link"
        beside.unlink(missing_ok=True)
        beside.symlink_to(name)
        beside.replace(self._link)

    def _next_name(self, now: int) -> str:
        """Later than every file that is, whatever the clock says."""
        latest = max([*self.names(), self.current() or ""])
        number = max(now, int(latest.split(".")[-2]) + 1 if latest else 0)
        return f"{self.stream}.{number:019d}.jsonl"
