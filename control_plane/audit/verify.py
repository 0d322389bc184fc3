"""Verify the log from one end to the other, in steps; the first thing that is not as it was is named."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from control_plane.audit.heads import Judge, claimed
from control_plane.audit.walk import BadError, Walk, payload_of
from control_plane.chain import batch as batches
from control_plane.chain.batch import ENTRY
from control_plane.chain.head import TreeHead
from control_plane.chain.tree import Frontier, genesis
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit_log import BEFORE_ALL, LogReader, Piece, StoredHead
from control_plane.ports.verification import Bad

ROWS = 20_000  # read at once
_MAX_HEADS = 2000  # over the batches of one piece

_Read = tuple[Piece, Sequence[StoredHead]]


@dataclass(slots=True, kw_only=True)
class Verification:
    """``step`` until it says that it is done; then ``bad`` is None, or what was found first.

    ``known``: our signed heads that are kept outside of the database; ``witnessed``: those that partners
    have, and we hold their signatures for.
    """

    own: TrustDomain
    reader: LogReader
    judge: Judge
    known: Iterable[bytes] = ()
    witnessed: Iterable[bytes] = ()
    until: datetime | None = None
    rows: int = ROWS
    bad: Bad | None = None
    total: int = 0  # rows of the log, as of its last head
    unsealed: int = 0  # rows that were stored since
    compared: int = 0  # heads from outside
    _walk: Walk | None = None
    _last: TreeHead | None = None
    _ahead: "asyncio.Task[_Read] | None" = None
    _start: tuple[int, int] = (BEFORE_ALL, BEFORE_ALL)  # size and batch of the head before the first row

    @property
    def walk(self) -> Walk:
        """How far it is."""
        if self._walk is None:
            raise RuntimeError("expected begin to be called first")
        return self._walk

    @property
    def _finish(self) -> tuple[int, int]:
        return (self._last.size, self._last.batch) if self._last else (0, BEFORE_ALL)

    async def begin(self, *, since: date | None = None, after: int | None = None) -> Self:
        """Start at the beginning, at the last head before ``since``, or at the head of ``after`` rows."""
        try:
            await self._begin(since, after)
        except BadError as error:
            self.bad = error.bad
        return self

    async def _begin(self, since: date | None, after: int | None) -> None:
        tail = await self.reader.tail()
        kept = await self.reader.kept()
        start: StoredHead | None = None
        if after is not None:
            start = next(iter(await self.reader.heads(after - 1, limit=1)), None)
        elif since is not None:
            start = await self.reader.head_before(since)
        start = start or (kept[-1] if kept else None)
        self._walk = Walk(
            own=self.own,
            log_id=tail.log_id,
            frontier=Frontier(),
            chain=genesis(self.own, tail.log_id),
            batch=BEFORE_ALL,
            signed=b"",
        )
        for one in kept:
            self._check(one, claimed)
        if start is not None:
            self._begin_at(start)
        if tail.head is not None:
            self._last = self._check(tail.head, self._judged)
            self.total = self._last.size
        self._take_known()
        census = await self.reader.census(self._start, self._finish)
        self.walk.retired = census.retired
        if start not in kept[-1:]:
            return
        if census.early is not None:
            raise self.walk.stray(census.early)
        if census.stale:
            raise BadError(
                Bad("head_altered", f"{census.stale} heads are older than the last one that was kept")
            )

    def _begin_at(self, start: StoredHead) -> None:
        head = self._check(start, claimed)
        walk = self.walk
        walk.frontier = Frontier.of(start.size, start.frontier)
        walk.chain, walk.batch, walk.signed = head.chain, head.batch, start.signed
        walk.passed, walk.last = head.size, head.batch
        self._start = (head.size, head.batch)

    def _check(self, stored: StoredHead, read: Callable[[bytes], TreeHead]) -> TreeHead:
        """A head that is believed on its own: it fits what it is stored with, and its signature."""
        try:
            head = read(stored.signed)
            root = Frontier.of(stored.size, stored.frontier).root
        except ValueError as error:
            raise BadError(Bad("head_altered", f"the head of {stored.size} rows: {error}")) from error
        if (head.size, head.root, head.log_id, head.organisation) != (
            stored.size,
            root,
            self.walk.log_id,
            self.own,
        ) or head.at.date() != stored.day:
            raise BadError(Bad("head_altered", f"the head of {stored.size} rows is not what was signed"))
        return head

    def _judged(self, signed: bytes) -> TreeHead:
        return claimed(signed) if signed in set(self.known) else self.judge.head(signed)

    def _take_known(self) -> None:
        """Heads from outside that are of this log, and not of before the start."""
        for signed in (*self.known, *self.witnessed):
            head = self._known_head(signed)
            if head.log_id != self.walk.log_id or head.size <= self._start[0]:
                continue
            self.compared += 1
            if head.size > self.total:
                had = f"had {head.size} by the head of {head.at:%Y-%m-%d %H:%M}, which is kept outside"
                raise BadError(Bad("log_truncated", f"the log has {self.total} rows, and {had}", self.total))
            self.walk.outside[head.size] = head

    def _known_head(self, signed: bytes) -> TreeHead:
        try:
            return claimed(signed)
        except ValueError as error:
            raise BadError(Bad("head_altered", f"a head that was kept or witnessed: {error}")) from error

    async def step(self) -> bool:
        """Verify one piece more; False when there is nothing more to do."""
        if self.bad is not None:
            return False
        try:
            return await self._step()
        except BadError as error:
            self.bad = error.bad
            await self.close()
            return False
        except BaseException:
            await self.close()
            raise

    async def _step(self) -> bool:
        walk = self.walk
        last = self._last
        if last is None or walk.frontier.size >= last.size:
            await self._end()
            return False
        before = walk.frontier.size
        ahead = self._ahead or self._read_ahead(walk.batch, before or self._start[0])
        piece, heads = await ahead
        self._ahead = None
        if piece.batches and piece.batches[-1].batch < last.batch:
            rows = sum(len(one.body) // ENTRY for one in piece.batches)
            self._ahead = self._read_ahead(piece.batches[-1].batch, before + rows)
        # Another thread, so that who asks for something else gets an answer meanwhile.
        await asyncio.to_thread(walk.take, piece, heads)
        if not piece.batches:
            missing = f"the log has {last.size} rows by its last head, and ends after {before}"
            raise BadError(Bad("row_missing", missing, before))
        if self.until is not None and payload_of(walk.signed).at >= self.until:
            await self.close()
            return False
        return True

    def _read_ahead(self, batch: int, size: int) -> asyncio.Task[_Read]:
        """The database reads the next piece while this one is hashed."""
        return asyncio.create_task(self._read(batch, size), name="read the audit")

    async def _read(self, batch: int, size: int) -> _Read:
        piece = await self.reader.piece(batch, self._finish[1], rows=self.rows)
        return piece, await self.reader.heads(size, limit=_MAX_HEADS)

    async def close(self) -> None:
        """End what is still being read."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.wait([self._ahead])
            self._ahead = None

    async def pause(self) -> None:
        """Check what can be checked of the part that ends at the last head that was passed."""
        await self.close()
        walk = self.walk
        census = await self.reader.census(self._start, (walk.passed, walk.last))
        if census.seals != walk.counted:
            extra = census.seals - walk.counted
            self.bad = Bad("chain_altered", f"there are {extra} seals of batches that are not there")

    async def _end(self) -> None:
        """What no walk sees: what is left over, and what came after the last head."""
        walk, until = self.walk, self._finish[1]
        for head in walk.outside.values():
            detail = f"no part of the log is that of a head of {head.size} rows which is kept outside"
            raise BadError(Bad("log_replaced", detail, head.size - 1))
        if self._last is not None and walk.signed != (await self._head_of(self._last.size)):
            raise BadError(
                Bad("head_altered", f"the last head, of {self._last.size} rows, is not in its place")
            )
        census = await self.reader.census(self._start, self._finish)
        if census.seals != walk.seals or census.beyond:
            extra = census.seals - walk.seals + census.beyond
            raise BadError(Bad("chain_altered", f"there are {extra} seals of batches that are not there"))
        await self._unsealed(max(until, walk.batch))

    async def _head_of(self, size: int) -> bytes:
        found = await self.reader.heads(size - 1, limit=1)
        kept = await self.reader.kept()
        return (found or kept[-1:])[0].signed

    async def _unsealed(self, after: int) -> None:
        """Rows that wait to be sealed: they must be the shipments that our control planes signed."""
        walk = self.walk
        while True:
            piece = await self.reader.piece(after, None, rows=self.rows)
            at = 0
            for one in piece.batches:
                self._check_batch(one.signed, batch=one.batch)
                at, _ = walk.read(one, piece.records, at)
                self.unsealed += len(one.body) // ENTRY
                after = one.batch
            if at < len(piece.records):
                raise walk.stray(piece.records[at])
            if not piece.batches:
                return

    def _check_batch(self, signed: bytes, *, batch: int) -> None:
        if batch == 0 and not signed:
            return
        try:
            self.judge.payload(signed, batches.TYP)
        except InvalidValueError as error:
            detail = f"batch {batch} was not stored by a control plane of ours: {error.detail}"
            raise BadError(Bad("batch_forged", detail, self.total)) from error
