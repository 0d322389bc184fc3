"""The file of tokens: what an entry holds, and how the file is read and replaced.

Only hashes are in it. A file that others can read, or that is not what was written, is refused. Imports the
standard library only, since the command line uses it too.
"""

import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

MAX_TOKENS = 1000
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_NEEDED = {"name", "role", "sha256", "created_at"}
_TIMES = ("expires_at", "rotated_at", "previous_until")


class Role(StrEnum):
    """What a token may do; each role may do all that the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what ``needed`` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class TokenFileError(Exception):
    """The token file cannot be used; the message says what to do."""


class TokenExistsError(TokenFileError):
    """There is a token of that name."""


class NoSuchTokenError(TokenFileError):
    """There is no token of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One token. Times are ISO 8601, empty: never. ``previous`` counts until ``previous_until``.

    ``groups``: the groups of operations that it is for, none: all that its role may do.
    """

    name: str
    role: Role
    sha256: str
    created_at: str
    expires_at: str = ""
    groups: tuple[str, ...] = ()
    rotated_at: str = ""
    previous: str = ""
    previous_until: str = ""

    def document(self) -> dict[str, object]:
        """As it stands in the file."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value or name in _NEEDED}


def digest(token: str) -> str:
    """A token has 256 random bits, so a plain SHA-256 of it cannot be guessed back."""
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def moment_of(text: str) -> datetime | None:
    """A time of an entry; None: never."""
    return datetime.fromisoformat(text) if text else None


def write(path: Path, entries: Sequence[Entry]) -> None:
    """Replace the file as a whole."""
    if len(entries) > MAX_TOKENS:
        raise TokenFileError(f"expected at most {MAX_TOKENS} tokens: revoke some first")
    replace(path, json.dumps([entry.document() for entry in entries], indent=2) + "\n")


def replace(path: Path, text: str) -> None:
    """Write a file of mode 0600, or leave what was there."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Two commands that change tokens at once must not lose one of them."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path.with_name(f"{path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read(path: Path) -> list[Entry]:
    """The stored entries; none when there is no file. Raises TokenFileError."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & _OTHERS:
                raise TokenFileError(
                    f"expected {path} to be readable by its owner only, got mode {stat.S_IMODE(mode):04o}:"
                    f" chmod 600 it, or delete it and make new tokens"
                )
            documents = json.load(file)
    except FileNotFoundError:
        return []
    except (ValueError, OSError) as error:
        raise TokenFileError(f"cannot read {path}: delete it and make new tokens") from error
    if not isinstance(documents, list) or not all(_is_entry(each) for each in documents):
        raise TokenFileError(f"{path} is not a token file: delete it and make new tokens")
    return [_entry(each) for each in documents]


def _entry(document: dict[str, object]) -> Entry:
    groups = document.get("groups", ())
    role = Role(str(document["role"]))
    return Entry(**{**document, "role": role, "groups": tuple(groups)})  # type: ignore[arg-type]  # checked


def _is_entry(document: object) -> bool:
    if not isinstance(document, dict) or not _NEEDED <= set(document) <= {f.name for f in fields(Entry)}:
        return False
    groups = document.get("groups", [])
    texts = [value for name, value in document.items() if name != "groups"]
    if not isinstance(groups, list) or not all(isinstance(value, str) for value in (*texts, *groups)):
        return False
    hashes = [document["sha256"], *([document["previous"]] if document.get("previous") else ())]
    return (
        document["role"] in list(Role)
        and all(_HASH.match(each) for each in hashes)
        and all(_is_time(document.get(name, "")) for name in _TIMES)
    )


def _is_time(text: str) -> bool:
    try:
        moment = moment_of(text)
    except ValueError:
        return False
    return moment is None or moment.tzinfo is not None
