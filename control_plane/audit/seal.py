"""The sealer: one for each log, it puts what was stored into the chain and the tree, and signs the heads.

It runs behind those who store rows and never holds them up. Whichever replica has the lock does it; for the
moment in which two believe that they have it, the log's length is checked in the transaction that adds to it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from control_plane.audit.head_file import HeadFile
from control_plane.audit.heads import Judge, claimed
from control_plane.chain import batch as batches
from control_plane.chain.head import TYP, TreeHead, bond, write
from control_plane.chain.tree import Frontier, genesis, link
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit_log import (
    BEFORE_ALL,
    AuditLog,
    MovedError,
    Seal,
    Sign,
    StoredBatch,
    StoredHead,
)
from control_plane.ports.errors import UnavailableError
from control_plane.ports.peering import Singleton

_log = structlog.get_logger(__name__)

LOCK = "audit seal"
AT_ONCE = 50  # batches in one step
EVERY = 1.0  # seconds between looks for something to seal
FILE_EVERY = timedelta(seconds=5)
_RETRY = 2.0  # seconds after a failure
_TURN = 2000  # rows between giving others their turn on the event loop


class BrokenLogError(Exception):
    """The log's end is not what a sealer of ours left; the text says what does not fit."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Where the log ends."""

    log_id: str
    frontier: Frontier
    chain: bytes
    batch: int
    signed: bytes  # the last head; empty: none yet


@dataclass(slots=True, kw_only=True)
class Sealer:
    """``run`` seals until cancelled. ``signed`` is the newest head, for partners."""

    own: TrustDomain
    log: AuditLog
    sign: Sign
    judge: Judge
    singleton: Singleton
    file: HeadFile
    now: Callable[[], datetime]
    signed: bytes = b""
    _filed: datetime = field(default=datetime.min.replace(tzinfo=UTC))

    async def run(self) -> None:
        """Wait for the lock, and seal; again after every failure."""
        while True:
            try:
                async with self.singleton.hold(LOCK) as lease:
                    edge = await self.edge()
                    while await lease.held():
                        edge, sealed = await self.step(edge)
                        if not sealed:
                            await asyncio.sleep(EVERY)
            except (UnavailableError, MovedError) as error:
                _log.info("audit_seal_interrupted", reason=str(error))
            except BrokenLogError as error:
                _log.error("audit_log_broken", reason=str(error), next_step="proxenia audit verify")
            await asyncio.sleep(_RETRY)

    async def edge(self) -> Edge:
        """Read where to go on. BrokenLogError when the last head is not one of ours."""
        tail = await self.log.tail()
        start = genesis(self.own, tail.log_id)
        if tail.head is None:
            edge = Edge(tail.log_id, Frontier(), start, BEFORE_ALL, b"")
        else:
            edge = self._edge_of(tail.log_id, tail.head)
        await self.log.renew(edge.batch)
        return edge

    def _edge_of(self, log_id: str, stored: StoredHead) -> Edge:
        try:
            # One that is kept outside of the database needs no anchor: those may have changed since.
            is_known = stored.signed in self.file.last()
            head = claimed(stored.signed) if is_known else self.judge.head(stored.signed)
            frontier = Frontier.of(stored.size, stored.frontier)
        except ValueError as error:
            raise BrokenLogError(f"the last head, of {stored.size} rows: {error}") from error
        if (head.log_id, head.organisation, head.size, head.root) != (
            log_id,
            self.own,
            stored.size,
            frontier.root,
        ):
            raise BrokenLogError(f"the last head, of {stored.size} rows, does not fit what it is stored with")
        return Edge(log_id, frontier, head.chain, head.batch, stored.signed)

    async def step(self, edge: Edge) -> tuple[Edge, bool]:
        """Seal what is decided, at most AT_ONCE batches; the new end, and whether anything was sealed."""
        waiting = await self.log.waiting(edge.batch, limit=AT_ONCE)
        if not waiting:
            return edge, False
        now = self.now().astimezone(UTC)
        await self.log.prepare([now.date(), now.date() + timedelta(days=1)])
        seals: list[Seal] = []
        vouched: list[bytes] = []
        chain, frontier = edge.chain, edge.frontier
        for one in waiting:
            if not self._ours(edge.log_id, one):
                continue  # it stays outside of the log, and verification names it
            made = await _links(one, chain, now, first=frontier.size)
            frontier = frontier.extended(leaf for _, leaf in batches.unpack(one.body))
            chain = made.links[-32:]
            seals.append(made)
            claim = batches.Claim(edge.log_id, one.batch, one.day, one.body)
            vouched.append(batches.vouched(claim, one.signed))
        if not seals:
            return Edge(edge.log_id, frontier, chain, waiting[-1].batch, edge.signed), True
        head = TreeHead(
            organisation=self.own,
            log_id=edge.log_id,
            size=frontier.size,
            root=frontier.root,
            chain=chain,
            at=now,
            batch=seals[-1].batch,
            previous=bond(edge.signed, vouched),
        )
        signed = self.sign(write(head), TYP)
        stored = StoredHead(head.size, now.date(), frontier.packed, signed)
        await self.log.seal(seals, stored, expected=edge.frontier.size)
        self.signed = signed
        await self._keep(signed, now)
        return Edge(edge.log_id, frontier, chain, head.batch, signed), True

    def _ours(self, log_id: str, one: StoredBatch) -> bool:
        """Whether a control plane of ours stored these rows (batch 0: what was there before the log)."""
        if one.batch == 0 and not one.signed:
            return True
        try:
            payload = self.judge.payload(one.signed, batches.TYP)
        except InvalidValueError as error:
            _log.error("audit_rows_not_ours", batch=one.batch, code=error.code, reason=error.detail)
            return False
        fits = bool(one.body) and payload == batches.Claim(log_id, one.batch, one.day, one.body).payload()
        if not fits:
            _log.error("audit_rows_not_ours", batch=one.batch, code="altered", reason="not what was signed")
        return fits

    async def _keep(self, signed: bytes, now: datetime) -> None:
        """Bring a head outside of the database from time to time."""
        if now - self._filed < FILE_EVERY:
            return
        try:
            await asyncio.to_thread(self.file.add, signed)
        except OSError as error:
            _log.error("audit_head_not_filed", reason=str(error))
            return
        self._filed = now


async def _links(one: StoredBatch, chain: bytes, now: datetime, *, first: int) -> Seal:
    links: list[bytes] = []
    previous = chain
    for number, (moment, leaf) in enumerate(batches.unpack(one.body), start=1):
        chain = link(chain, leaf, moment)
        links.append(chain)
        if number % _TURN == 0:
            await asyncio.sleep(0)
    return Seal(one.batch, now.date(), first, previous, b"".join(links))
