"""Bearer tokens for the admin API: random, stored only as hashes, in one file that only its owner can read.

A token has 256 random bits, so a plain SHA-256 of it cannot be guessed back. Imports the standard library
only, since the command line uses it too.
"""

import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path

TOKEN_FILE = Path("run") / "tokens.json"  # in the state directory
PREFIX = "proxenia_"
MAX_TOKEN = 256  # characters; longer ones are not even hashed
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_HASH = re.compile(r"[0-9a-f]{64}\Z")


class Role(StrEnum):
    """What a token may do; each role may do all that the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what ``needed`` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a token belongs to."""

    name: str
    role: Role


class TokenFileError(Exception):
    """The token file cannot be used; the message says what to do."""


def new_token(path: Path, *, name: str, role: Role) -> str:
    """Add a token to ``path`` (made 0600 when missing) and return it: it is shown once and stored nowhere."""
    if not name or len(name) > MAX_TOKEN or not name.isprintable():
        raise TokenFileError(f"expected a printable name of at most {MAX_TOKEN} characters")
    token = PREFIX + secrets.token_urlsafe(32)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    entry = {"name": name, "role": role.value, "sha256": _digest(token), "created_at": made}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(path):
        entries = _entries(path)
        if any(other["name"] == name for other in entries):
            raise TokenFileError(f"there is a token named {name!r} already: choose another name")
        _replace(path, json.dumps([*entries, entry], indent=2) + "\n")
    return token


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Two commands that add a token at once must not lose one of them."""
    handle = os.open(path.with_name(f"{path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _entries(path: Path) -> list[dict[str, str]]:
    """The stored entries; none when there is no file. A file that others can read is refused."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & _OTHERS:
                raise TokenFileError(
                    f"expected {path} to be readable by its owner only, got mode {stat.S_IMODE(mode):04o}:"
                    f" chmod 600 it, or delete it and make new tokens"
                )
            entries = json.load(file)
    except FileNotFoundError:
        return []
    except (ValueError, OSError) as error:
        raise TokenFileError(f"cannot read {path}: delete it and make new tokens") from error
    if not isinstance(entries, list) or not all(_is_entry(entry) for entry in entries):
        raise TokenFileError(f"{path} is not a token file: delete it and make new tokens")
    return entries


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and set(entry) == {"name", "role", "sha256", "created_at"}
        and all(isinstance(value, str) for value in entry.values())
        and entry["role"] in list(Role)
        and _HASH.match(entry["sha256"]) is not None
    )


class TokenFile:
    """The tokens of one file, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._holders: tuple[tuple[str, Holder], ...] = ()

    def find(self, token: str) -> Holder | None:
        """Who ``token`` belongs to, or None. Raises TokenFileError when the file cannot be trusted."""
        self._refresh()
        if len(token) > MAX_TOKEN:
            return None
        digest = _digest(token)
        found: Holder | None = None
        # Every entry is compared, in constant time: how long it takes says nothing about any of them.
        for stored, holder in self._holders:
            if compare_digest(stored, digest):
                found = holder
        return found

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._seen, self._holders = None, ()
            return
        version = (status.st_mtime_ns, status.st_ino, status.st_mode)
        if version == self._seen:
            return
        self._seen, self._holders = None, ()
        self._holders = tuple(
            (entry["sha256"], Holder(entry["name"], Role(entry["role"]))) for entry in _entries(self._path)
        )
        self._seen = version
