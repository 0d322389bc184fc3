"""Take over what the gateways ship: each line once, in one transaction with the position behind it.

The answer means that the rows are in the database. A batch that does not continue where the audit stands is
refused, so that nothing between two batches is passed over without a word; what a gateway cannot send any
more, it says.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from control_plane.audit.events import Source, Unreadable, event_id, parse
from control_plane.audit.header import Header, Place, read_request
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit import AuditStore
from control_plane.ports.caller import Caller
from control_plane.ports.errors import ForbiddenError

SHIP = "/proxenia.gateway.v1.Agent/Ship"

_TURN = 200  # lines between giving others their turn on the event loop
_MAX_STREAMS = 10_000  # gateways times streams that have a lock


@dataclass
class _Taken:
    """What came of a batch's lines."""

    events: list[AuditEvent] = field(default_factory=list)
    unreadable: int = 0
    skipped: int = 0  # lines that record nothing the audit keeps
    repeated: int = 0  # lines that were taken over before


class Receiver:
    """``ship`` is the handler of SHIP (ports/caller.py)."""

    def __init__(
        self,
        store: AuditStore,
        *,
        own: TrustDomain,
        clock: Callable[[], datetime],
        query_key: bytes = b"",
        stored: Callable[[Sequence[AuditEvent]], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._stored_too = stored  # told of what is stored
        self._own = own
        self._clock = clock
        self._query_key = query_key
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def ship(self, request: bytes, caller: Caller) -> bytes:
        """Store a batch; a header line of JSON and log lines in, JSON out.

        Raises InvalidValueError (``checkpoint_gap``: the batch begins beyond what is stored), ForbiddenError
        (another gateway's certificate) and UnavailableError, each having stored nothing.
        """
        header, data = read_request(request)
        self._check_caller(header, caller)
        # One batch of a stream at a time: a repeated one must see what the first has stored.
        async with self._lock(header):
            stored = await self._stored(header)
            _check_continues(header, stored)
            taken = await self._take(header, data, stored)
            if stored is not None and header.until <= stored:
                new = 0
            else:
                new = await self._store.append(taken.events, header.checkpoint())
                self._stored_too(taken.events)
        return _answer(header, taken, new)

    def _check_caller(self, header: Header, caller: Caller) -> None:
        expected = SpiffeId(f"spiffe://{self._own}/gateway/{header.gateway}")
        if caller.spiffe_id is not None and caller.spiffe_id != expected:
            raise ForbiddenError(f"expected the certificate of {expected}, got that of {caller.spiffe_id}")

    def _lock(self, header: Header) -> asyncio.Lock:
        if len(self._locks) >= _MAX_STREAMS:
            self._locks = {key: lock for key, lock in self._locks.items() if lock.locked()}
        return self._locks.setdefault((header.gateway, header.stream), asyncio.Lock())

    async def _stored(self, header: Header) -> Place | None:
        for point in await self._store.checkpoints(header.gateway):
            if point.stream == header.stream:
                return Place(point.file, point.offset)
        return None

    async def _take(self, header: Header, data: bytes, stored: Place | None) -> _Taken:
        taken = _Taken()
        source = Source(header.gateway, self._own, header.file, self._query_key)
        if header.lost:
            taken.events.append(self._gap(source, header.stream, f"lost:{header.until}", header.lost))
        for number, (offset, line) in enumerate(_lines(data, header.begin)):
            if number % _TURN == _TURN - 1:
                await asyncio.sleep(0)
            if stored is not None and Place(header.file, offset) < stored:
                taken.repeated += 1
                continue
            match parse(header.stream, line, source=source, offset=offset):
                case AuditEvent() as event:
                    taken.events.append(event)
                case Unreadable(reason):
                    taken.unreadable += 1
                    row = f"unreadable:{header.file}:{offset}"
                    detail = f"a line of {len(line)} bytes: {reason}"
                    taken.events.append(self._gap(source, header.stream, row, detail))
                case None:
                    taken.skipped += 1
        return taken

    def _gap(self, source: Source, stream: str, row: str, detail: str) -> AuditEvent:
        return AuditEvent(
            event_id=event_id(source.reporter, row),
            reporter=source.reporter,
            row_id=row,
            timestamp=self._clock(),
            event_type=EventType.GAP,
            reason="log_lines_lost",
            metadata={"stream": stream, "file": source.file, "detail": detail},
        )


def _check_continues(header: Header, stored: Place | None) -> None:
    """What was shipped before this batch must be stored, or it would be lost with the next checkpoint."""
    after = header.after
    if stored is None and after is None:
        return
    start = after or Place(header.file, header.begin)
    if stored is not None and start <= stored:
        return
    raise InvalidValueError(
        "checkpoint_gap",
        f"checkpoint_gap: expected a batch of {header.gateway}/{header.stream} that continues at"
        f" {stored or 'the beginning'}, got one that continues at {start}: say hello again, and go there",
    )


def _lines(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Each line without its end, and where in the file it begins."""
    for line in data[:-1].split(b"\n") if data else ():
        yield offset, line
        offset += len(line) + 1


def _answer(header: Header, taken: _Taken, new: int) -> bytes:
    answer = {
        "offset": header.until.offset,
        "stored": new,
        "duplicates": taken.repeated + max(0, len(taken.events) - new),
        "unreadable": taken.unreadable,
        "skipped": taken.skipped,
    }
    return json.dumps(answer).encode()
