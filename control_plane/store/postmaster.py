"""A PostgreSQL server seen from outside: whether one runs on a data directory, and how to end it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

STEPS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
"""Fast shutdown, immediate shutdown, and the kernel's; seconds to wait after each."""

_POLL = 0.02  # seconds
_STATUS = 7  # line of postmaster.pid, from 0 (PostgreSQL: miscadmin.h, LOCK_FILE_LINE_PM_STATUS)


def running_on(data: Path) -> int | None:
    """The process id of the server that runs on ``data``, or None.

    ``postmaster.pid`` outlives a killed server, and after a restart of the machine (or of a container, where
    ids are small) its process id may be another program's: then PostgreSQL would refuse to start for ever.
    That file is removed. One with a dead process id stays: PostgreSQL looks in it for the shared memory of
    backends that have not ended yet.
    """
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text(encoding="ascii").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    if not _alive(pid):
        return None
    if _works_in(pid, data):
        return pid
    file.unlink(missing_ok=True)
    return None


def ready(data: Path, pid: int) -> bool:
    """Whether the server ``pid`` says that it takes connections; asking it again and again would slow it."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return False
    return lines[0] == str(pid) and len(lines) > _STATUS and lines[_STATUS].strip() == "ready"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _works_in(pid: int, data: Path) -> bool:
    """Whether this process has ``data`` as its working directory, as every PostgreSQL server has."""
    if sys.platform != "linux":
        return True  # cannot tell: believe the file, and fail with a clear error rather than guess
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    except OSError:
        return False


async def end(pid: int) -> None:
    """End a server that is not our child, and return when it is gone."""
    loop = asyncio.get_running_loop()
    for number, seconds in STEPS:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        until = loop.time() + seconds
        while loop.time() < until:
            if not _alive(pid):
                return
            await asyncio.sleep(_POLL)
    raise TimeoutError(f"PostgreSQL (process {pid}) does not end")


async def end_child(process: asyncio.subprocess.Process) -> None:
    """End a server that is our child, and return when it is gone."""
    for number, seconds in STEPS:
        if process.returncode is not None:
            return
        try:
            process.send_signal(number)
            await asyncio.wait_for(process.wait(), seconds)
        except ProcessLookupError:
            await process.wait()
        except TimeoutError:
            continue
    await process.wait()
