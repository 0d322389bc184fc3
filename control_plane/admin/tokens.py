"""Bearer tokens for the admin API: random, stored only as hashes, in one file that only its owner can read.

Imports the standard library only, since the command line uses it too: it may make, rotate and revoke tokens
while nothing runs, and a control plane that runs knows of it at the next request.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from pathlib import Path

from control_plane.admin import token_entries as file
from control_plane.admin.token_entries import (
    Entry,
    NoSuchTokenError,
    Role,
    TokenExistsError,
    TokenFileError,
)

__all__ = [
    "GROUPS",
    "Entry",
    "Holder",
    "NoSuchTokenError",
    "Role",
    "TokenExistsError",
    "TokenFile",
    "TokenFileError",
    "new_token",
    "revoke_token",
    "rotate_token",
]

TOKEN_FILE = Path("run") / "tokens.json"  # in the state directory
PREFIX = "proxenia_"
MAX_TOKEN = 256  # characters; longer ones are not even hashed
MAX_OVERLAP = timedelta(days=7)
USED_EVERY = timedelta(minutes=1)  # when each token was last used is written down so often


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a token belongs to; ``groups`` of operations that it is for, none: all."""

    name: str
    role: Role
    groups: frozenset[str] = frozenset()


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _made() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def new_token(
    path: Path,
    *,
    name: str,
    role: Role,
    expires_at: datetime | None = None,
    groups: Sequence[str] = (),
) -> str:
    """Add a token to ``path`` (made 0600 when missing) and return it: it is shown once and stored nowhere."""
    if not name or len(name) > MAX_TOKEN or not name.isprintable():
        raise TokenFileError(f"expected a printable name of at most {MAX_TOKEN} characters")
    token = _made()
    with file.locked(path):
        entries = file.read(path)
        if any(other.name == name for other in entries):
            raise TokenExistsError(f"there is a token named {name!r} already: choose another name")
        entry = Entry(
            name=name,
            role=role,
            sha256=file.digest(token),
            created_at=_text(_utc_now()),
            expires_at=_text(expires_at) if expires_at else "",
            groups=tuple(sorted(set(groups))),
        )
        file.write(path, [*entries, entry])
    return token


def rotate_token(
    path: Path, name: str, *, overlap: timedelta = timedelta(0), expires_at: datetime | None = None
) -> str:
    """Give ``name`` a new token, and return it; the old one counts for ``overlap`` more."""
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise TokenFileError(f"expected an overlap of at most {MAX_OVERLAP.days} days")
    token, now = _made(), _utc_now()
    with file.locked(path):
        entries = file.read(path)
        old = _named(entries, name)
        entry = replace(
            old,
            sha256=file.digest(token),
            rotated_at=_text(now),
            expires_at=_text(expires_at) if expires_at else old.expires_at,
            previous=old.sha256 if overlap else "",
            previous_until=_text(now + overlap) if overlap else "",
        )
        file.write(path, [entry if each is old else each for each in entries])
    return token


def revoke_token(path: Path, name: str) -> None:
    """From now on it is not known."""
    with file.locked(path):
        entries = file.read(path)
        old = _named(entries, name)
        file.write(path, [each for each in entries if each is not old])


def _named(entries: Sequence[Entry], name: str) -> Entry:
    for entry in entries:
        if entry.name == name:
            return entry
    raise NoSuchTokenError("there is no token of that name: `proxenia token list` shows all")


def last_used(path: Path) -> dict[str, datetime]:
    """When each token was last used, as it was last written down."""
    try:
        found = json.loads(_used_file(path).read_text(encoding="utf-8"))
        return {str(name): datetime.fromisoformat(moment) for name, moment in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # nothing depends on it


def _used_file(path: Path) -> Path:
    return path.with_name("tokens-used.json")


class TokenFile:
    """The tokens of one file, read again when it changes."""

    def __init__(self, path: Path, *, now: Callable[[], datetime] = _utc_now) -> None:
        self.path = path
        self._now = now
        self._seen: tuple[int, int, int] | None = None
        self._entries: tuple[Entry, ...] = ()
        self._used = last_used(path)
        self._written = now()

    def find(self, token: str) -> Holder | None:
        """Who ``token`` belongs to, or None. Raises TokenFileError when the file cannot be trusted."""
        self._refresh()
        if len(token) > MAX_TOKEN:
            return None
        digest, now = file.digest(token), self._now()
        found: Entry | None = None
        # Every entry is compared, in constant time: how long it takes says nothing about any of them.
        for entry in self._entries:
            present = compare_digest(entry.sha256, digest)
            before = compare_digest(entry.previous, digest) and _before(now, entry.previous_until)
            if (present or before) and _stands(entry, now):
                found = entry
        if found is None:
            return None
        self._note(found.name, now)
        return Holder(found.name, found.role, frozenset(found.groups))

    def stands(self, name: str) -> bool:
        """Whether there is still a token of that name that counts. Raises TokenFileError."""
        self._refresh()
        now = self._now()
        return any(entry.name == name and _stands(entry, now) for entry in self._entries)

    def admits(self, holder: str) -> bool:
        """Whether a holder who was let in still is: of ``token:<name>``, whether that token counts."""
        kind, _, name = holder.partition(":")
        try:
            return kind != "token" or self.stands(name)
        except TokenFileError:
            return False

    def entries(self) -> tuple[Entry, ...]:
        """All of them, by name. Raises TokenFileError."""
        self._refresh()
        return tuple(sorted(self._entries, key=lambda entry: entry.name))

    @property
    def used(self) -> Mapping[str, datetime]:
        """When each token was last used."""
        return self._used

    def _note(self, name: str, now: datetime) -> None:
        self._used[name] = now
        if now - self._written < USED_EVERY:
            return
        self._written = now
        names = {entry.name for entry in self._entries}
        self._used = {each: moment for each, moment in self._used.items() if each in names}
        try:
            file.replace(_used_file(self.path), json.dumps({n: _text(m) for n, m in self._used.items()}))
        except OSError:
            return  # it stays in memory; nothing depends on it

    def _refresh(self) -> None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._seen, self._entries = None, ()
            return
        version = (status.st_mtime_ns, status.st_ino, status.st_mode)
        if version == self._seen:
            return
        self._seen, self._entries = None, ()
        self._entries = tuple(file.read(self.path))
        self._seen = version


def _before(now: datetime, until: str) -> bool:
    end = file.moment_of(until)
    return end is not None and now < end


def _stands(entry: Entry, now: datetime) -> bool:
    return not entry.expires_at or _before(now, entry.expires_at)


GROUPS = (
    *("agreements", "apply", "audit", "authorize", "bundle-sources", "bundles", "check", "circuits"),
    *("dashboard", "discover", "events", "expiry", "gateways", "grants", "groups", "health", "history"),
    *("info", "invites", "invoke", "join", "metrics", "nodes", "partners", "resources", "rollback"),
    *("rotation", "routes", "sources", "status", "tokens", "verify"),
)
"""Every group of operations that a token can be for: the first word of their paths below the version."""
