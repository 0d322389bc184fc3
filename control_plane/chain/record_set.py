"""A set of items that can say of any range what its fingerprint is (pure).

Items are sorted, and a range is named by the bytes that its items begin with. A fingerprint is the SHA-256 of
all items of the range in order: two sets have the same one only if they are the same, whoever chose them.
Sums or exclusive-ors of hashes would be cheaper to keep, and can be forged by whoever chooses the items.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from control_plane.chain.crossing import HALF, ITEM

FAN_OUT = 256  # a range has one part for each next byte
MAX_DEPTH = 4  # bytes of a range's name; hashes with a secret key never share more by chance
RAW = HALF + 8 + HALF
"""Bytes of a raw item: the id's half, the time in microseconds (to tell which is last), the other half."""


class Print(NamedTuple):
    """How many items a range has, and their fingerprint."""

    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class RecordSet:
    """Sorted items without repetitions of an id, end to end in ``packed``."""

    packed: bytes

    def __len__(self) -> int:
        return len(self.packed) // ITEM

    def count(self, prefix: bytes) -> int:
        """How many items begin with ``prefix``."""
        low, high = self._bounds(prefix)
        return high - low

    def print(self, prefix: bytes) -> Print:
        """Count and fingerprint of the items that begin with ``prefix``."""
        return self._print(*self._bounds(prefix))

    def parts(self, prefix: bytes) -> tuple[Print, ...]:
        """The same for each of the FAN_OUT parts of a range."""
        rows = _Rows(self.packed)
        low, high = self._bounds(prefix)
        starts = [low]
        for byte in range(1, FAN_OUT):
            starts.append(bisect_left(rows, prefix + bytes((byte,)), lo=starts[-1], hi=high))
        return tuple(self._print(*bounds) for bounds in zip(starts, [*starts[1:], high], strict=True))

    def items(self, prefix: bytes) -> list[bytes]:
        """The items of a range, sorted."""
        low, high = self._bounds(prefix)
        return split(self.packed[low * ITEM : high * ITEM])

    def _print(self, low: int, high: int) -> Print:
        return Print(high - low, sha256(memoryview(self.packed)[low * ITEM : high * ITEM]).digest())

    def _bounds(self, prefix: bytes) -> tuple[int, int]:
        rows = _Rows(self.packed)
        first, after = bisect_left(rows, prefix), _successor(prefix)
        return first, len(self) if after is None else bisect_left(rows, after, lo=first)


def split(packed: bytes) -> list[bytes]:
    """The items that stand end to end."""
    return [packed[place : place + ITEM] for place in range(0, len(packed), ITEM)]


class _Rows:
    """``packed`` as a sequence for bisect."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // ITEM

    def __getitem__(self, index: int) -> bytes:
        return self._packed[index * ITEM : index * ITEM + ITEM]


def _successor(prefix: bytes) -> bytes | None:
    """The first byte string after all that begin with ``prefix``; None: there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,)) if stripped else None


class Gatherer:
    """Makes a RecordSet of raw items that come in any order, piece by piece.

    Of several of one id the last by time counts: a request that was sent again is one crossing, and its last
    answer is the caller's.
    """

    def __init__(self) -> None:
        self._buckets = [bytearray() for _ in range(FAN_OUT)]
        self.count = 0

    def add(self, raw: bytes) -> None:
        """Take raw items that stand end to end."""
        buckets = self._buckets
        for place in range(0, len(raw), RAW):
            buckets[raw[place]] += raw[place : place + RAW]
        self.count += len(raw) // RAW

    def finish(self) -> Iterable[None]:
        """Sort, one part after the other, so that others get their turn; ``result`` is there afterwards."""
        self._parts: list[bytes] = []
        for bucket in self._buckets:
            self._parts.append(_sorted(bytes(bucket)))
            bucket.clear()
            yield

    @property
    def result(self) -> RecordSet:
        """The set, after ``finish``."""
        return RecordSet(b"".join(self._parts))


def _sorted(raw: bytes) -> bytes:
    rows = sorted(raw[place : place + RAW] for place in range(0, len(raw), RAW))
    last = {row[:HALF]: row[RAW - HALF :] for row in rows}
    return b"".join(first + rest for first, rest in last.items())


def gathered(raws: Iterable[bytes]) -> RecordSet:
    """A RecordSet of raw items, at once."""
    gatherer = Gatherer()
    for raw in raws:
        gatherer.add(raw)
    for _ in gatherer.finish():
        pass
    return gatherer.result
