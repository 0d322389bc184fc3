"""Verification of the log, piece by piece: each row is hashed as it is now, and compared (pure).

Three things have to agree: the columns of the events, what was stored with them (``audit_batches``), and what
the sealer made of it (``audit_seals``, ``audit_heads``). A change of any one of them shows as a difference.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any

from control_plane.chain import batch as batches
from control_plane.chain.batch import ENTRY, Claim
from control_plane.chain.head import TreeHead, bond, read
from control_plane.chain.record import VERSION, event_id_of, microseconds_of
from control_plane.chain.tree import Frontier, link
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit_log import BEFORE_ALL, Piece, Seal, StoredBatch, StoredHead
from control_plane.ports.verification import Bad

_LEAF = b"\x00" + VERSION


class BadError(Exception):
    """The walk ends here."""

    def __init__(self, bad: Bad) -> None:
        super().__init__(bad.detail)
        self.bad = bad


@dataclass(slots=True, kw_only=True)
class Walk:
    """How far the log has been verified. ``outside``: heads that others keep, by size.

    Events of days before ``retired`` may be gone.
    """

    own: TrustDomain
    log_id: str
    frontier: Frontier
    chain: bytes
    batch: int
    signed: bytes  # the last head that was passed
    retired: date | None = None
    outside: dict[int, TreeHead] = field(default_factory=dict)
    rows: int = 0
    gone: int = 0  # rows that retention has taken
    seals: int = 0
    passed: int = 0  # rows under the last head that was passed
    counted: int = 0  # seals under it
    last: int = BEFORE_ALL  # its last batch
    _vouched: list[bytes] = field(default_factory=list)
    _days: set[date] = field(default_factory=set)

    def take(self, piece: Piece, heads: Sequence[StoredHead]) -> None:
        """Verify the batches that follow, with the heads over them; BadError at the first that is wrong."""
        at = 0
        pending = list(reversed(heads))
        for one, seal in zip(piece.batches, piece.seals, strict=True):
            at, leaves = self.read(one, piece.records, at)
            if seal is None:
                raise self._bad("not_sealed", f"batch {one.batch} was stored and is not in the log")
            self._seal(one, seal, leaves)
            if pending and pending[-1].size <= self.frontier.size:
                self._head(pending.pop())
            self._outside()
        if at < len(piece.records):
            raise self.stray(piece.records[at])
        if pending and pending[-1].size <= self.frontier.size:
            raise BadError(Bad("head_altered", f"a head of {pending[-1].size} rows fits no batch"))

    def read(self, one: StoredBatch, records: Sequence[Any], at: int) -> tuple[int, list[bytes]]:
        """The leaves of a batch whose rows are ``records`` from ``at`` on, and where the next begins."""
        body = one.body
        if one.batch <= self.batch or not body or len(body) % ENTRY:
            raise self._bad("batch_altered", f"batch {one.batch} is no batch of the log")
        self.batch = one.batch
        claim = Claim(self.log_id, one.batch, one.day, body)
        if one.signed and one.signed.split(b".")[1:2] != [_base64(claim.payload())]:
            raise self._bad("batch_altered", f"batch {one.batch} is not what was signed when it was stored")
        count = len(body) // ENTRY
        leaves = [body[first : first + 32] for first in range(8, len(body), ENTRY)]
        rows = records[at : at + count]
        self._vouched.append(batches.vouched(claim, one.signed))
        if (
            [sha256(_LEAF + row[2]).digest() for row in rows] == leaves
            and [row[1] for row in rows] == list(range(count))
            and rows[0][0] == rows[-1][0] == one.batch
        ):
            return at + count, leaves
        return self._slowly(one, records, at), leaves

    def _slowly(self, one: StoredBatch, records: Sequence[Any], at: int) -> int:
        """Find what differs in a batch, if it is not only that retention has taken rows."""
        for place, (moment, leaf) in enumerate(batches.unpack(one.body)):
            row = self.frontier.size + place
            found = records[at] if at < len(records) else None
            if found is not None and (found[0], found[1]) < (one.batch, place):
                raise self.stray(found)
            if found is None or (found[0], found[1]) != (one.batch, place):
                if self.retired is not None and moment < microseconds_of(self.retired):
                    self.gone += 1
                    continue
                raise BadError(
                    Bad("row_missing", f"row {row} (batch {one.batch}, place {place}) is gone", row)
                )
            same = [one_of for one_of in records[at : at + 3] if (one_of[0], one_of[1]) == (one.batch, place)]
            wrong = [one_of for one_of in same if sha256(_LEAF + one_of[2]).digest() != leaf]
            if len(same) > 1:
                raise self.stray((wrong or same)[-1])
            if wrong:
                detail = f"row {row} (batch {one.batch}, place {place}) is not what was stored"
                raise BadError(Bad("row_altered", detail, row, event_id_of(found[2])))
            at += 1
        if at < len(records) and records[at][0] == one.batch:
            raise self.stray(records[at])
        return at

    def stray(self, record: Sequence[Any]) -> BadError:
        """What to say of a row that no batch knows."""
        detail = f"a row was inserted (batch {record[0]}, place {record[1]}) that was never shipped"
        return BadError(Bad("row_inserted", detail, None, event_id_of(record[2])))

    def _seal(self, one: StoredBatch, seal: Seal, leaves: Sequence[bytes]) -> None:
        chain, links = self.chain, []
        for moment, leaf in batches.unpack(one.body):
            chain = link(chain, leaf, moment)
            links.append(chain)
        if (seal.first, seal.previous, seal.links) != (self.frontier.size, self.chain, b"".join(links)):
            raise self._bad("chain_altered", f"the chain at batch {one.batch} does not follow from its rows")
        self.chain, self.frontier = chain, self.frontier.extended(leaves)
        self._days.add(seal.day)
        self.rows += len(leaves)
        self.seals += 1

    def _head(self, stored: StoredHead) -> None:
        size = self.frontier.size
        try:
            head = payload_of(stored.signed)
        except ValueError as error:
            raise BadError(Bad("head_altered", f"the head of {stored.size} rows: {error}", None)) from error
        made = (self.own, self.log_id, size, self.frontier.root, self.chain, self.batch)
        said = (head.organisation, head.log_id, head.size, head.root, head.chain, head.batch)
        fits = said == made and stored.size == size and stored.frontier == self.frontier.packed
        days = {stored.day, head.at.date()} | self._days
        if not fits or len(days) != 1 or head.previous != bond(self.signed, self._vouched):
            detail = f"the head of {stored.size} rows does not follow from what is before it"
            raise BadError(Bad("head_altered", detail, max(size - 1, 0)))
        self.signed = stored.signed
        self.passed, self.counted, self.last = size, self.seals, self.batch
        self._vouched.clear()
        self._days.clear()

    def _outside(self) -> None:
        head = self.outside.pop(self.frontier.size, None)
        if head is not None and (head.root, head.chain) != (self.frontier.root, self.chain):
            detail = (
                f"the log's first {head.size} rows are not those of the head of {head.at:%Y-%m-%d %H:%M:%S}"
            )
            raise BadError(Bad("log_replaced", f"{detail}, which is kept outside", head.size - 1))

    def _bad(self, code: str, detail: str) -> BadError:
        return BadError(Bad(code, detail, self.frontier.size))


def payload_of(signed: bytes) -> TreeHead:
    """What a signed head says; its signature is not looked at. ValueError when it is none."""
    parts = signed.split(b".")
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7515, section 7.1
        raise InvalidValueError("bad_head", "expected a signed head, got something else")
    return read(urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4)))


def _base64(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")
