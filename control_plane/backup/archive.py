"""What is in the encrypted stream: named entries one after the other, compressed, and a manifest at the end.

Frames are one letter, a length and a body: ``E`` an entry begins (JSON), ``D`` some of its data, ``Z`` it
ends (its SHA-256), ``M`` the manifest (JSON), which names every entry with size and digest. Neither writing
nor reading holds more than one frame.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NoReturn, Protocol

from control_plane.model.problem import InvalidValueError

FRAME = 1 << 18  # bytes of data in one frame at most
_LEVEL = 3  # of compression: the network and the disk are rarely slower than this
_HEAD = struct.Struct("!cI")


class Sink(Protocol):
    """Where the stream goes."""

    def write(self, data: bytes, /) -> object:
        """Take some more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the manifest. ``facts`` are its writer's."""

    name: str
    facts: dict[str, Any]
    size: int
    sha256: str


@dataclass(slots=True)
class Writer:
    """``begin``, ``write`` any number of times, ``end``; at last ``finish``."""

    sink: Sink
    entries: list[Entry] = field(default_factory=list)
    _packer: Any = field(default_factory=lambda: zlib.compressobj(_LEVEL))
    _waiting: bytearray = field(default_factory=bytearray)
    _digest: Any = None
    _open: tuple[str, dict[str, Any]] | None = None
    _size: int = 0

    def begin(self, name: str, **facts: object) -> None:
        """Begin an entry."""
        self._open, self._digest, self._size = (name, facts), sha256(), 0
        self._frame(b"E", _json({"name": name, "facts": facts}))

    def write(self, data: bytes) -> None:
        """Add to the entry."""
        self._waiting += data
        while len(self._waiting) >= FRAME:
            self._data(FRAME)

    def end(self) -> Entry:
        """End the entry."""
        if self._open is None:
            raise RuntimeError("expected begin to be called first")
        while self._waiting:
            self._data(FRAME)
        self._frame(b"Z", self._digest.digest())
        made = Entry(*self._open, self._size, self._digest.hexdigest())
        self.entries.append(made)
        self._open = None
        return made

    def add(self, name: str, content: bytes, **facts: object) -> None:
        """Write a whole entry."""
        self.begin(name, **facts)
        self.write(content)
        self.end()

    def finish(self) -> None:
        """Write the manifest: without it the stream is not whole."""
        lines = [
            {"name": one.name, "facts": one.facts, "size": one.size, "sha256": one.sha256}
            for one in self.entries
        ]
        self._frame(b"M", _json(lines))
        self.sink.write(self._packer.flush())

    def _data(self, count: int) -> None:
        part = bytes(self._waiting[:count])
        del self._waiting[:count]
        self._digest.update(part)
        self._size += len(part)
        self._frame(b"D", part)

    def _frame(self, kind: bytes, body: bytes) -> None:
        packed = self._packer.compress(_HEAD.pack(kind, len(body)) + body)
        if packed:
            self.sink.write(packed)


@dataclass(frozen=True, slots=True)
class Reading:
    """An entry that is being read: ``chunks`` must be used up before the next one comes."""

    name: str
    facts: dict[str, Any]
    chunks: Iterator[bytes]

    def content(self) -> bytes:
        """All of it, for one that is known to be small."""
        return b"".join(self.chunks)


def entries(stream: Iterator[bytes]) -> Iterator[Reading]:
    """Every entry in order, then the manifest is compared; InvalidValueError ``damaged_backup``.

    What a chunk says is only known to be whole when this has ended.
    """
    frames = _frames(stream)
    seen: list[dict[str, Any]] = []
    for kind, body in frames:
        if kind == b"E":
            begun = json.loads(body)
            line = {**begun, "size": 0, "sha256": ""}
            chunks = _chunks(frames, line)
            yield Reading(begun["name"], begun["facts"], chunks)
            for _ in chunks:
                pass
            seen.append(line)
        elif kind == b"M":
            if json.loads(body) != seen or next(frames, None) is not None:
                _damaged("a manifest that names what is in it")
            return
        else:
            _damaged("the beginning of an entry, or the manifest")
    _damaged("a manifest at the end")


def _chunks(frames: Iterator[tuple[bytes, bytes]], line: dict[str, Any]) -> Iterator[bytes]:
    digest = sha256()
    for kind, body in frames:
        if kind == b"D":
            digest.update(body)
            line["size"] += len(body)
            yield body
        elif kind == b"Z" and body == digest.digest():
            line["sha256"] = digest.hexdigest()
            return
        else:
            break
    _damaged(f"all of {line['name']}")


def _frames(stream: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    unpacker, waiting = zlib.decompressobj(), bytearray()
    for packed in stream:
        rest, more = packed, True
        while more:
            made = unpacker.decompress(rest, FRAME)
            rest = unpacker.unconsumed_tail
            more = bool(rest) or len(made) == FRAME
            waiting += made
            while len(waiting) >= _HEAD.size:
                kind, length = _HEAD.unpack_from(waiting)
                if len(waiting) < _HEAD.size + length:
                    break
                yield kind, bytes(waiting[_HEAD.size : _HEAD.size + length])
                del waiting[: _HEAD.size + length]
    if waiting or not unpacker.eof:
        _damaged("an end between two entries")


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _damaged(expected: str) -> NoReturn:
    raise InvalidValueError("damaged_backup", f"expected {expected}, got something else: use another copy")
