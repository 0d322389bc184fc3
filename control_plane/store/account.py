"""Which user of this machine the embedded server runs as, and which paths that user can reach."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from control_plane.store.errors import UnusableDatabaseError

UNPRIVILEGED = ("postgres", "nobody")  # in this order; PostgreSQL refuses to run as root


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine, with every group it is in."""

    name: str
    uid: int
    gid: int
    groups: frozenset[int]

    @classmethod
    def named(cls, name: str) -> "Account":
        """Look a user up; KeyError when there is none."""
        entry = pwd.getpwnam(name)
        groups = frozenset(os.getgrouplist(name, entry.pw_gid))
        return cls(name, entry.pw_uid, entry.pw_gid, groups)


def server_account() -> Account | None:
    """The user to become before PostgreSQL is started; None when we are not root and stay who we are."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            return Account.named(name)
        except KeyError:
            continue
    raise UnusableDatabaseError(
        "PostgreSQL does not run as root, and expected one of the users "
        f"{' or '.join(UNPRIVILEGED)} to run it as, got neither: add one, or set a database URL"
    )


def own_name() -> str:
    """The name under which PostgreSQL's peer authentication knows this process."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError as error:
        raise UnusableDatabaseError(
            f"expected user id {uid} to have a name (PostgreSQL asks for it), got none: "
            "add an entry for it to /etc/passwd, or set a database URL"
        ) from error


def blocked_at(path: Path, account: Account) -> Path | None:
    """The topmost directory on the way to ``path`` (itself included) that ``account`` cannot pass through."""
    resolved = path.resolve()
    for directory in (*reversed(resolved.parents), resolved):
        entry = directory.stat()
        if stat.S_ISDIR(entry.st_mode) and not _may_pass(entry, account):
            return directory
    return None


def _may_pass(entry: os.stat_result, account: Account) -> bool:
    """Apply the mode bits as the kernel does: the first class that fits decides."""
    if account.uid == 0:
        return True
    if entry.st_uid == account.uid:
        return bool(entry.st_mode & stat.S_IXUSR)
    if entry.st_gid in account.groups:
        return bool(entry.st_mode & stat.S_IXGRP)
    return bool(entry.st_mode & stat.S_IXOTH)
