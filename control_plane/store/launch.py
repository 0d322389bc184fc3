"""Becomes a PostgreSQL program: ``launch.py <parent pid> <user or ''> <program> [argument ...]``.

Run as a script in a process of its own (``python -I -S``), because what it does between fork and exec must
not happen in a process that has threads. It drops root, and has the kernel end the program with its launcher.
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def become(name: str) -> None:
    """Give root up for good; the order matters, since only root may change groups."""
    entry = pwd.getpwnam(name)
    os.initgroups(name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def end_with(parent: int) -> None:
    """Get SIGINT (PostgreSQL: fast shutdown) when ``parent`` ends, and end now when it already has."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit("the process that wanted this server is gone")


def main(parent: int, user: str, command: list[str]) -> None:
    """Replace this process by ``command``."""
    os.umask(0o077)
    if user:
        become(user)
    os.chdir("/")
    end_with(parent)  # after the change of user, which would clear it
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
