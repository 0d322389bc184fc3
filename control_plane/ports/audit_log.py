"""The audit as a log: what was stored but is not sealed yet, what was sealed, and what there is to verify."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

Sign = Callable[[bytes, str], bytes]
"""Sign a payload as a message of this type (``pki.jws``), as our control plane."""


BEFORE_ALL = -(1 << 62)
"""Below every batch and every size, also of what somebody else has put there."""


class MovedError(Exception):
    """Somebody else has sealed in the meantime; read the tail again."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """The rows of one transaction (chain/batch.py); ``signed`` is the signature over the claim, or empty."""

    batch: int
    day: date
    body: bytes
    signed: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """What sealing made of a batch: the number of its first row, the chain before it and at each row."""

    batch: int
    day: date
    first: int
    previous: bytes
    links: bytes


@dataclass(frozen=True, slots=True)
class StoredHead:
    """A signed head (chain/head.py) with the frontier of its tree."""

    size: int
    day: date
    frontier: bytes
    signed: bytes


@dataclass(frozen=True, slots=True)
class Tail:
    """The log's name and its last head."""

    log_id: str
    head: StoredHead | None


class AuditLog(Protocol):
    """What the sealer works with. Every method raises UnavailableError when there is no database."""

    async def tail(self) -> Tail:
        """How far the log is sealed."""

    async def waiting(self, after: int, *, limit: int) -> list[StoredBatch]:
        """Batches after this one, in order, to which no transaction can add an earlier one any more."""

    async def seal(self, seals: Sequence[Seal], head: StoredHead, *, expected: int) -> None:
        """Store both, if the log still has ``expected`` rows; MovedError if not."""

    async def renew(self, last: int) -> bool:
        """Begin an epoch when transaction numbers have fallen behind ``last``; whether that was so."""

    async def prepare(self, days: Sequence[date]) -> None:
        """Make the partitions of these days."""

    async def aged(self, until: date) -> bool:
        """Whether there are rows of days before."""

    async def retire(self, until: date) -> int:
        """Drop the partitions of all days before; how many. Fewer, where rows are not sealed yet."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive batches with their seals (None: not sealed), and every row that claims to be in one.

    A record is ``(batch, place, bytes without the version)``; they are ordered by the first two.
    """

    batches: tuple[StoredBatch, ...]
    seals: tuple[Seal | None, ...]
    records: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Census:
    """``seals``: how many there are of the batches walked through, and beyond the last head (``beyond``).

    ``early`` is a row whose batch is before the first that is walked through, if there is one, ``stale`` how
    many heads are; rows of days before ``retired`` may be gone, says the audit itself.
    """

    seals: int
    beyond: int
    stale: int
    early: Sequence[Any] | None
    retired: date | None


class LogReader(Protocol):
    """What verification reads."""

    async def tail(self) -> Tail:
        """How far the log is sealed."""

    async def kept(self) -> list[StoredHead]:
        """The heads of days whose rows are gone, in order."""

    async def heads(self, after: int, *, limit: int) -> list[StoredHead]:
        """Heads of more than ``after`` rows, in order."""

    async def head_before(self, day: date) -> StoredHead | None:
        """The last head of an earlier day."""

    async def piece(self, after: int, until: int | None, *, rows: int) -> Piece:
        """The next batches after ``after`` with about ``rows`` rows, read at one moment; none: the end.

        Rows are all those whose batch is beyond ``after`` and not beyond the piece's last one; with an empty
        piece, all those beyond ``after``, and not beyond ``until`` if that is given.
        """

    async def census(self, start: tuple[int, int], end: tuple[int, int]) -> Census:
        """What there is beside the batches between two heads, each given by its size and its last batch."""
