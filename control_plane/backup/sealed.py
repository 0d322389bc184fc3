"""A stream encrypted with a passphrase: scrypt makes the key, AES-256-GCM seals one chunk after the other.

The file begins with two readable lines: what it is, and how the key is made. Then come chunks of equal
size. A chunk's nonce is its number and whether it is the last one (the STREAM construction of Hoang,
Reyhanitabar, Rogaway and Vizár, 2015), so chunks that were changed, moved, left out or cut off at the end
are all noticed. Each file has a key of its own (its salt), so numbers never repeat under one key. The two
lines are authenticated with each chunk.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from control_plane.model.problem import InvalidValueError

FORMAT = 1
LEAST_PASSPHRASE = 12  # characters
CHUNK = 1 << 16  # bytes of plaintext
_WORD = b"proxenia-backup "
_TAG = 16
_MAX_LINE = 512
_MOST = 1 << 20  # the most of scrypt's n that is taken from a file: 1 GB


@dataclass(frozen=True, slots=True)
class Hardness:
    """How much a guess costs: scrypt's n, with r = 8 and p = 1; memory is n KB."""

    n: int = 1 << 17


class Sealer:
    """Writes to ``file``; what was written is complete only after ``close``."""

    def __init__(self, file: BinaryIO, passphrase: str, hardness: Hardness | None = None) -> None:
        salt, n = secrets.token_bytes(16), (hardness or Hardness()).n
        how = json.dumps({"kdf": "scrypt", "n": n, "r": 8, "p": 1, "salt": salt.hex()})
        self._head = _WORD + f"{FORMAT}\n{how}\n".encode()
        self._cipher = AESGCM(_key(passphrase, salt, n))
        self._file = file
        self._number = 0
        self._waiting = bytearray()
        file.write(self._head)

    def write(self, data: bytes) -> None:
        """Add to the stream."""
        self._waiting += data
        while len(self._waiting) > CHUNK:  # the last chunk may be full: it is kept until we know
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def close(self) -> None:
        """Write the last chunk."""
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), chunk, self._head))
        self._number += 1


def opened(file: BinaryIO, passphrase: str) -> Iterator[bytes]:
    """The stream, a chunk at a time; each is only given out when it is what was written.

    Raises InvalidValueError ``not_a_backup``, ``newer_backup``, ``wrong_passphrase`` or ``damaged_backup``.
    """
    head, salt, n = _head(file)
    cipher = AESGCM(_key(passphrase, salt, n))
    number = 0
    chunk = file.read(CHUNK + _TAG)
    while True:
        following = file.read(CHUNK + _TAG)
        try:
            yield cipher.decrypt(_nonce(number, last=not following), chunk, head)
        except InvalidTag as error:
            raise _wrong(number) from error
        if not following:
            return
        number, chunk = number + 1, following


def _head(file: BinaryIO) -> tuple[bytes, bytes, int]:
    """The readable lines, the salt, and scrypt's n."""
    first = file.readline(_MAX_LINE)
    if not first.startswith(_WORD):
        _refuse("not_a_backup", "expected a file of `proxenia backup`, got something else")
    if first != _WORD + b"%d\n" % FORMAT:
        version = first[len(_WORD) :].strip().decode(errors="replace")
        _refuse(
            "newer_backup", f"expected format {FORMAT}, got {version}: restore with the version that made it"
        )
    second = file.readline(_MAX_LINE)
    try:
        how = json.loads(second)
        salt, n = bytes.fromhex(how["salt"]), int(how["n"])
        known = (how["kdf"], how["r"], how["p"]) == ("scrypt", 8, 1) and n.bit_count() == 1 and 1 < n <= _MOST
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        _refuse("damaged_backup", "expected how the key is made in the second line, got something else")
    return first + second, salt, n


def _wrong(number: int) -> InvalidValueError:
    if number == 0:
        return InvalidValueError(
            "wrong_passphrase",
            "expected the passphrase of this backup, got another (or its beginning is damaged)",
        )
    return InvalidValueError(
        "damaged_backup",
        f"expected what was written, got something else after {number * CHUNK >> 20} MB: use another copy",
    )


def _refuse(code: str, detail: str) -> NoReturn:
    raise InvalidValueError(code, detail)


def _key(passphrase: str, salt: bytes, n: int) -> bytes:
    if len(passphrase) < LEAST_PASSPHRASE:
        _refuse("short_passphrase", f"expected a passphrase of at least {LEAST_PASSPHRASE} characters")
    return Scrypt(salt=salt, length=32, n=n, r=8, p=1).derive(passphrase.encode())


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
