"""An in-memory audit that passes the same contract suite as the PostgreSQL one."""

import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from threading import Event

from control_plane.chain.crossing import REQUESTS, partner_of
from control_plane.chain.head import TYP, TreeHead, write
from control_plane.chain.multiproof import left_out
from control_plane.chain.record import encode, leaf_hash
from control_plane.chain.tree import Frontier
from control_plane.kit.told import Told
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.audit import AuditQuery, Checkpoint
from control_plane.ports.audit_use import (
    Begin,
    Exported,
    Followed,
    Latency,
    LeftOut,
    Numbered,
    Proven,
    Share,
    Statistics,
)
from control_plane.ports.errors import UnavailableError

_EQUAL = ("correlation_id", "principal", "resource", "reporter", "decision", "event_type", "capability")


class FakeAudit:
    """Implements ports.audit.AuditStore. Set ``down`` to make every call raise UnavailableError."""

    def __init__(self) -> None:
        self.down = False
        self._rows: dict[tuple[str, str, datetime], AuditEvent] = {}
        self._checkpoints: dict[tuple[str, str], Checkpoint] = {}
        self._told = Told()

    @property
    def events(self) -> list[AuditEvent]:
        """Everything that was stored, in the order of arrival."""
        return list(self._rows.values())

    async def append(self, events: Sequence[AuditEvent], checkpoint: Checkpoint | None = None) -> int:
        self._reach()
        before = len(self._rows)
        for event in events:
            self._rows.setdefault((event.reporter, event.row_id, event.timestamp), event)
        if checkpoint is not None:
            self._move(checkpoint)
        self._told.tell()
        return len(self._rows) - before

    async def until_stored(self, seen: int, *, within: float) -> int:
        return await self._told.other_than(seen, within=within)

    async def checkpoints(self, gateway: str) -> tuple[Checkpoint, ...]:
        self._reach()
        return tuple(self._checkpoints[key] for key in sorted(self._checkpoints) if key[0] == gateway)

    async def query(self, query: AuditQuery) -> list[AuditEvent]:
        self._reach()
        after = _position(query.after) if query.after else None
        found = [event for event in self._rows.values() if _matches(event, query)]
        found.sort(key=_place, reverse=True)
        return [event for event in found if after is None or _place(event) < after][: query.limit]

    def _reach(self) -> None:
        if self.down:
            raise UnavailableError("the database does not answer: it was told to be down")

    def _move(self, checkpoint: Checkpoint) -> None:
        present = self._checkpoints.get((checkpoint.gateway, checkpoint.stream))
        if present is None or present.file != checkpoint.file or present.offset < checkpoint.offset:
            self._checkpoints[checkpoint.gateway, checkpoint.stream] = checkpoint


def _matches(event: AuditEvent, query: AuditQuery) -> bool:
    for name in _EQUAL:
        wanted = getattr(query, name)
        if wanted and getattr(event, name) != wanted:
            return False
    if query.organisation and partner_of(event) != query.organisation:
        return False
    called = event.target_node if event.direction == "egress" else ""
    if query.node and query.node not in {event.reporter, called}:
        return False
    if query.since is not None and event.timestamp < query.since:
        return False
    return query.until is None or event.timestamp < query.until


def _place(event: AuditEvent) -> tuple[datetime, bytes]:
    return event.timestamp, event.event_id.encode()


def _position(cursor: str) -> tuple[datetime, bytes]:
    moment, separator, event_id = cursor.partition("|")
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError as error:
        raise InvalidValueError("bad_cursor", "expected 'timestamp|event_id'") from error
    if not separator:
        raise InvalidValueError("bad_cursor", "expected 'timestamp|event_id'")
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC), event_id.encode()


class FakeFollowing:
    """Implements ports.audit_use.AuditFollowing: the log is what arrived; ``sign`` signs its one head."""

    def __init__(self, audit: FakeAudit) -> None:
        self._audit = audit
        self.few = 1000  # more are walked through
        self.sign: Callable[[bytes, str], bytes] = lambda payload, _: payload
        self.organisation = TrustDomain("bergen.example")
        self.asked = Event()  # where the log ends

    async def end(self) -> int:
        end = len(self._audit.events)
        self.asked.set()
        return end

    async def follow(self, after: int, *, query: AuditQuery) -> Followed:
        rows = list(enumerate(self._audit.events))[after:]
        found = tuple(Numbered(number, event) for number, event in rows if _matches(event, query))
        if len(found) > query.limit:
            found = found[: query.limit]
            return Followed(found, found[-1].number + 1)
        return Followed(found, after + len(rows))

    async def matching(self, query: AuditQuery) -> Sequence[int] | None:
        numbers = [number for number, event in enumerate(self._audit.events) if _matches(event, query)]
        return numbers if len(numbers) <= self.few else None

    async def walk(self, query: AuditQuery) -> AsyncIterator[Exported]:
        numbers = [number for number, event in enumerate(self._audit.events) if _matches(event, query)]
        async for one in self.export(numbers):
            yield one

    async def export(self, numbers: Sequence[int]) -> AsyncIterator[Exported]:
        if not numbers:
            return
        leaves = [leaf_hash(encode(event)) for event in self._audit.events]
        yield Begin(0, b"")
        at = 0
        for number in numbers:
            if number > at:
                yield LeftOut(tuple(left_out(at, leaves[at:number])))
            yield Numbered(number, self._audit.events[number])
            at = number + 1
        if at < len(leaves):
            yield LeftOut(tuple(left_out(at, leaves[at:])))
        head = TreeHead(
            organisation=self.organisation,
            log_id="6f0d1b0a-0000-4000-8000-000000000001",
            size=len(leaves),
            root=Frontier().extended(leaves).root,
            chain=bytes(32),
            at=datetime.now(UTC),
        )
        yield Proven(head.size, self.sign(write(head), TYP))


class FakeStatistics:
    """Implements ports.audit_use.AuditStatistics on a FakeAudit."""

    def __init__(self, audit: FakeAudit) -> None:
        self._audit = audit

    async def statistics(self, since: datetime, until: datetime) -> Statistics:
        rows = [event for event in self._audit.events if since <= event.timestamp < until]
        requests = [event for event in rows if event.event_type in REQUESTS]
        times = sorted(event.duration_ms for event in requests if event.duration_ms is not None)
        decisions = Counter(event.decision for event in requests)
        return Statistics(
            since=since,
            until=until,
            requests=len(requests),
            allowed=decisions["allowed"],
            denied=decisions["denied"],
            failed=decisions["failed"],
            limited=sum(one.decision == "denied" and one.reason == "rate_limited" for one in requests),
            bytes=sum(one.bytes or 0 for one in requests),
            handshakes_failed=sum(one.event_type is EventType.HANDSHAKE_FAILED for one in rows),
            gaps=sum(one.event_type is EventType.GAP for one in rows),
            latency_ms=Latency(
                **{
                    name: times[max(0, math.ceil(share * len(times)) - 1)] if times else None
                    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("longest", 1))
                }
            ),
            principals=_shares(requests, lambda event: event.principal),
            organisations=_shares(requests, partner_of),
        )


def _shares(requests: list[AuditEvent], name_of: Callable[[AuditEvent], str]) -> tuple[Share, ...]:
    groups: dict[str, list[AuditEvent]] = {}
    for event in requests:
        groups.setdefault(name_of(event), []).append(event)
    shares = [
        Share(
            name=name,
            requests=len(events),
            denied=sum(event.decision == "denied" for event in events),
            failed=sum(event.decision == "failed" for event in events),
        )
        for name, events in groups.items()
    ]
    return tuple(sorted(shares, key=lambda share: (-share.requests, share.name))[:10])
