"""The logs on the gateway's disk while the control plane is away: how large they may grow, and what then.

What the operator chose: ``gap`` drops the oldest files and traffic goes on; ``block`` drains and stops Envoy
until most has been shipped. Either way, and when Envoy could not write (disk full), a line in the access log
says so with numbers: it is shipped like the others, and becomes an audit event of type ``gap``. When it is
dropped itself before it was shipped, what it said is said again: the next gap counts what it had counted.
"""

import asyncio
import json
import os
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from control_plane.gateway.envoy_admin import EnvoyAdmin
from control_plane.gateway.log_files import LogFiles

EVERY = 1.0  # seconds between looks
RESUME = 0.5  # of the limit: below it blocked traffic goes on
_FULL = "spool_full"
_OURS = b'"gap": "'  # in a line of ours, and in none of Envoy's: in a value of theirs, quotes are escaped
_WRITE_FAILED = "filesystem.write_failed"

_log = structlog.get_logger(__name__)


class Holdable(Protocol):
    """Whoever keeps Envoy running."""

    async def hold(self) -> None:
        """Drain and stop Envoy, and start none."""

    def release(self) -> None:
        """Start it again."""


@dataclass(slots=True, kw_only=True)
class Spool:
    """Watches the logs of one gateway; ``policy`` is ``gap`` or ``block``."""

    logs: list[LogFiles]
    envoy: Holdable
    admin: EnvoyAdmin
    limit: int
    policy: str
    _held: bool = False
    _failed: int = 0  # writes that Envoy's present process has reported
    _unsaid: list[bytes] = field(default_factory=list)

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            try:
                await self.look()
            except OSError as error:
                _log.error("spool_not_watched", reason=str(error))
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Act on how much there is."""
        await self._look_at_failures()
        size = await asyncio.to_thread(self._size)
        if self._held:
            if size <= self.limit * RESUME:
                self._held = False
                self.envoy.release()
                self._say("traffic_blocked_until_now", bytes=size)
                _log.warning("spool_drained", bytes=size, next_step="traffic goes on")
        elif size > self.limit and self.policy == "block":
            self._held = True
            _log.error(
                "spool_full", bytes=size, limit=self.limit, next_step="traffic waits until it is shipped"
            )
            self._say("traffic_blocked", bytes=size, limit=self.limit)
            await self.envoy.hold()
        elif size > self.limit:
            await asyncio.to_thread(self._drop, size)
        await asyncio.to_thread(self._write)

    async def _look_at_failures(self) -> None:
        """What Envoy could not write is lost without a line, so its own counter is asked."""
        text = await self.admin.read(f"/stats?filter=^{_WRITE_FAILED}$")
        number = text.rpartition(": ")[2].strip()
        if not number.isdigit():
            return
        failed = int(number)
        lost = failed - self._failed if failed >= self._failed else failed  # less: a new process counts anew
        self._failed = failed
        if lost:
            _log.error("log_lines_not_written", writes=lost, next_step="look whether the disk is full")
            self._say("log_not_written", writes=lost)

    def _size(self) -> int:
        return sum(files.size(name) for files in self.logs for name in files.names())

    def _drop(self, size: int) -> None:
        """Delete complete files, the oldest first, until the rest is within the limit."""
        for files in self.logs:
            for name in files.names()[:-1]:
                if size <= self.limit:
                    return
                path = files.directory / name
                lost, length = _read(path, files.stream), files.size(name)
                path.unlink(missing_ok=True)
                size -= length
                _log.error(_FULL, stream=files.stream, file=name, lines=lost.lines, bytes=length)
                self._unsaid += lost.others
                self._say(
                    _FULL,
                    stream=files.stream,
                    file=name,
                    lines=lost.lines + lost.lines_before,
                    bytes=length + lost.bytes_before,
                )

    def _say(self, gap: str, **facts: object) -> None:
        line = {
            "ts": datetime.now(UTC).isoformat(),
            "row": str(uuid.uuid4()),
            "gap": gap,
            "facts": {name: str(value) for name, value in facts.items()},
        }
        self._unsaid.append(json.dumps(line).encode() + b"\n")
        del self._unsaid[:-100]

    def _write(self) -> None:
        """Add what there is to say to the access log, in one write, as Envoy adds its lines."""
        name = self.logs[0].current()
        if not self._unsaid or name is None:
            return
        data = b"".join(self._unsaid)
        descriptor = os.open(self.logs[0].directory / name, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                data = b"\n" + data  # a full disk has cut Envoy's last line: it must not swallow this one
            written = os.write(descriptor, data)
        finally:
            os.close(descriptor)
        if written == len(data):  # what was cut short is said again, whole
            self._unsaid.clear()


@dataclass(slots=True)
class _Lost:
    """What goes with a file: lines, what earlier gaps of its stream had counted, what else we had said."""

    lines: int = 0
    lines_before: int = 0
    bytes_before: int = 0
    others: list[bytes] = field(default_factory=list)

    def add(self, line: bytes, said: dict[str, object], stream: str) -> None:
        """Take a line of ours."""
        facts = said["facts"]
        if isinstance(facts, dict) and (said["gap"], facts.get("stream")) == (_FULL, stream):
            self.lines_before += int(facts["lines"])
            self.bytes_before += int(facts["bytes"])
        else:
            self.others.append(line)


def _read(path: Path, stream: str) -> _Lost:
    lost = _Lost()
    with path.open("rb") as file:
        for line in file:
            said = _said(line) if _OURS in line else None
            if said is None:
                lost.lines += line.endswith(b"\n")
            else:
                lost.add(line, said, stream)
    return lost


def _said(line: bytes) -> dict[str, object] | None:
    """What a line of ours says; None when a full disk had cut it: it was said again, whole."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and said.keys() == {"ts", "row", "gap", "facts"} else None
