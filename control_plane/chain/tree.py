"""The Merkle tree of RFC 6962 from its right edge alone, and the hash chain along its leaves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct

HASH = 32  # bytes
EMPTY_ROOT = sha256(b"").digest()
_time = Struct(">q").pack


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def genesis(organisation: str, log_id: str) -> bytes:
    """What the first link of a log follows: no two logs share a chain."""
    return sha256(f"\x03{organisation}\n{log_id}".encode()).digest()


def link(previous: bytes, leaf: bytes, moment: int) -> bytes:
    """The chain's hash at a leaf; ``moment`` is the event's time (``record.microseconds``).

    The time is in it because retention forgets events by their day, and the links stay longer.
    """
    return sha256(b"\x02" + previous + leaf + _time(moment)).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The complete subtrees that a tree of ``size`` leaves consists of, the largest (leftmost) first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.peaks) != self.size.bit_count():
            raise ValueError(f"expected {max(self.size, 0).bit_count()} peaks, got {len(self.peaks)}")
        if any(len(peak) != HASH for peak in self.peaks):
            raise ValueError(f"expected peaks of {HASH} bytes")

    @classmethod
    def of(cls, size: int, packed: bytes) -> "Frontier":
        """Read what ``packed`` wrote; ValueError when it does not fit ``size``."""
        if len(packed) % HASH:
            raise ValueError(f"expected a multiple of {HASH} bytes, got {len(packed)}")
        return cls(size, tuple(packed[at : at + HASH] for at in range(0, len(packed), HASH)))

    @property
    def packed(self) -> bytes:
        """The peaks one after another."""
        return b"".join(self.peaks)

    @property
    def root(self) -> bytes:
        """The tree's root."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            root = node_hash(peak, root)
        return root

    def extended(self, leaves: Iterable[bytes]) -> "Frontier":
        """The frontier after these leaf hashes."""
        peaks, size = list(self.peaks), self.size
        hashed, pop, append = sha256, peaks.pop, peaks.append
        for leaf in leaves:
            node, full = leaf, size
            while full & 1:
                node = hashed(b"\x01" + pop() + node).digest()
                full >>= 1
            append(node)
            size += 1
        return Frontier(size, tuple(peaks))


def subtree(frontier: Frontier, leaves: Sequence[bytes], begin: int, end: int) -> bytes:
    """The root over leaves ``begin`` to ``end``, where ``leaves`` are those that follow ``frontier``.

    What lies before the frontier is known by its peaks only; ValueError when these do not tell.
    """
    if begin >= frontier.size:
        first = begin - frontier.size
        return Frontier().extended(leaves[first : first + end - begin]).root
    at = 0
    for number, peak in enumerate(frontier.peaks):
        width = _width(frontier.size, number)
        if (at, at + width) == (begin, end):
            return peak
        at += width
    if end - begin == 1:
        raise ValueError(f"expected leaves from {begin} on, got only those from {frontier.size}")
    middle = begin + split(end - begin)
    left = subtree(frontier, leaves, begin, middle)
    return node_hash(left, subtree(frontier, leaves, middle, end))


def split(size: int) -> int:
    """The largest power of two below ``size``, where RFC 6962 divides a tree."""
    return 1 << ((size - 1).bit_length() - 1)


def _width(size: int, number: int) -> int:
    """How many leaves the peak of this number stands for: the set bits of the size, the highest first."""
    for _ in range(number):
        size &= ~(1 << (size.bit_length() - 1))
    return 1 << (size.bit_length() - 1)
