"""Find, watch and signal an Envoy that may have been started by an agent that is long gone.

What is running is asked of the kernel (``/proc``), never of a file that a killed agent may not have got to
write. A process is known by its id and its start time, so that a reused id is never taken for it.
"""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_STATE = 0  # fields of /proc/<pid>/stat behind the name, proc(5): state is the 3rd, starttime the 22nd
_START = 19


@dataclass(frozen=True, slots=True)
class Process:
    """One running process; ``started`` is in clock ticks since the machine's start."""

    pid: int
    started: int
    argv: tuple[str, ...] = ()


def find(directory: Path, argument: str) -> list[Process]:
    """Every process with this working directory whose arguments hold ``argument``, oldest first."""
    found = []
    for entry in os.scandir(_PROC):
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        try:
            if (_PROC / entry.name / "cwd").readlink() != directory:
                continue
        except OSError:
            continue  # another user's, or gone meanwhile: neither can be ours
        process = describe(pid)
        if process is not None and argument in process.argv:
            found.append(process)
    return sorted(found, key=lambda process: process.started)


def describe(pid: int) -> Process | None:
    """What runs under this id now; None when nothing does."""
    try:
        argv = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    started = _start(pid)
    if started is None:
        return None
    return Process(pid, started, tuple(os.fsdecode(part) for part in argv.split(b"\0")[:-1]))


def ended(process: Process) -> str:
    """How it ended (``exit status 1``, ``signal 9``), or empty while it runs; collects a dead child."""
    started = _start(process.pid)
    if started == process.started:
        return ""
    if started is None:
        try:
            pid, status = os.waitpid(process.pid, os.WNOHANG)
        except ChildProcessError:
            return "unknown status"  # started by an agent before us: its parent is told, not we
        if pid == process.pid:
            code = os.waitstatus_to_exitcode(status)
            return f"exit status {code}" if code >= 0 else f"signal {-code}"
    return "unknown status"


def send(process: Process, number: signal.Signals) -> None:
    """Signal the process unless it is gone."""
    if _start(process.pid) != process.started:
        return
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return  # it ended between the look and the signal


def same_command(process: Process, argv: Sequence[str]) -> bool:
    """Whether it was started with exactly these arguments."""
    return process.argv == tuple(argv)


def _start(pid: int) -> int | None:
    """When the process started; None when there is none, or only its exit status is left."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and parentheses
    if fields[_STATE] in {"Z", "X"}:
        return None
    return int(fields[_START])
