"""Running the processes of one organisation: each is restarted when it dies, none outlives its supervisor."""

import asyncio
import ctypes
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import structlog

_log = structlog.get_logger()

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
FIRST_DELAY = 0.1  # seconds until a first restart
LONGEST_DELAY = 10.0
STEADY = 20.0  # seconds after which a child counts as healthy again and its delay starts over


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. ``orphaned`` is the signal that it gets when its supervisor disappears."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    pid_file: Path
    log_file: Path | None = None  # None: the supervisor's own stderr
    orphaned: signal.Signals = signal.SIGTERM
    stop_within: float = 30.0  # seconds between SIGTERM and SIGKILL


def write_pid(path: Path, pid: int) -> None:
    """Leave a process's number where people and tests look for it."""
    path.write_text(f"{pid}\n", encoding="ascii")


def forget_pid(path: Path) -> None:
    """The process is gone."""
    path.unlink(missing_ok=True)


class Child:
    """One supervised process."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Keep the process running until cancelled; then end it and return only when it is gone."""
        delay = FIRST_DELAY
        try:
            while True:
                started = monotonic()
                code = await self._once()
                lived = monotonic() - started
                delay = FIRST_DELAY if lived > STEADY else min(delay * 2, LONGEST_DELAY)
                _log.warning(
                    "process ended, starting it again", process=self.command.name, code=code, delay=delay
                )
                await asyncio.sleep(delay)
        finally:
            await self._end()

    async def _once(self) -> int:
        command = self.command
        output = command.log_file.open("ab") if command.log_file else None
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command.argv,
                env=dict(command.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output or sys.stderr,
                stderr=output or sys.stderr,
                preexec_fn=self._tie_to_parent,
                start_new_session=True,  # Ctrl-C is for the supervisor, which ends its children in order
            )
        finally:
            if output:
                output.close()
        write_pid(command.pid_file, self._process.pid)
        return await self._process.wait()

    def _tie_to_parent(self) -> None:
        if _LIBC:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(self.command.orphaned))

    async def _end(self) -> None:
        process = self._process
        if process and process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(self.command.stop_within):
                    await process.wait()
            except TimeoutError:
                _log.warning("process did not stop in time, killing it", process=self.command.name)
                process.kill()
                await process.wait()
        forget_pid(self.command.pid_file)
