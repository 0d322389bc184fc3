"""Comparing our audit with a partner's: we ask, the partner answers, and what differs is named.

What a partner answers is checked as ``chain.reconcile`` demands. The key is ours, and new for each part of
the interval, so the partner cannot have prepared an answer.
"""

import asyncio
import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from control_plane.chain import reconcile
from control_plane.chain.crossing import KEY_BYTES, crossing_of, id_hash
from control_plane.chain.judgement import Judged, judge
from control_plane.chain.reconcile import Answer, Compared, LyingError, Question, Whole
from control_plane.chain.record_set import Print, RecordSet
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.model.reconciliation import Crossing, Difference, Interval, Outcome
from control_plane.peering import audit_messages as said
from control_plane.peering.answering import Privacy
from control_plane.peering.audit_channel import AuditChannel, Saying, Tally
from control_plane.peering.audit_messages import AUDIT_PURPOSE, AuditAnswer, AuditQuestion
from control_plane.peering.messages import Envelope
from control_plane.peering.paths import AUDIT
from control_plane.peering.progress import Progress
from control_plane.peering.refusal import RefusedError
from control_plane.ports.errors import UnavailableError
from control_plane.ports.reconciliation import Crossings, Span

WAITS = 60  # how often we ask again while the partner reads its rows; each takes up to ten seconds
SHORTEST = 60.0  # seconds; an interval that is not divided any more

_T = TypeVar("_T")
Ask = Literal["fields", "whole", "parts", "items", "names", "known"]


@dataclass(slots=True)
class Sum:
    """What was found so far, over all parts of an interval."""

    progress: Progress
    ours: int = 0
    theirs: int = 0
    matched: int = 0
    unanswered: int = 0
    complete: bool = True
    differences: list[Difference] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True, slots=True)
class _Part:
    """One comparison: whom with, when, and how it is hashed."""

    partner: TrustDomain
    interval: Interval
    key: bytes
    fields: tuple[str, ...]
    tally: Tally
    progress: Progress

    def question(self, claims: Envelope, ask: Ask, names: tuple[str, ...]) -> AuditQuestion:
        since, until = self.interval.since, self.interval.until
        return AuditQuestion(
            envelope=claims,
            since=said.microseconds(since),
            until=said.microseconds(until),
            key=self.key.hex(),
            fields=self.fields,
            ask=ask,
            names=names,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparing:
    """``limits`` are of each part of an interval."""

    channel: AuditChannel
    crossings: Crossings
    privacy: Privacy = field(default_factory=Privacy)
    limits: reconcile.Limits = field(default_factory=reconcile.Limits)

    async def compare(self, partner: TrustDomain, interval: Interval, into: Sum) -> None:
        """Compare an interval, in as many parts as are needed; RefusedError, UnavailableError.

        ``into`` has what was found, also when it ends early.
        """
        fields = await self._agree_on_fields(partner, interval, into)
        parts = [interval]
        while parts:
            one = parts.pop()
            part = _Part(partner, one, secrets.token_bytes(KEY_BYTES), fields, into.tally, into.progress)
            try:
                into.progress.begins()
                await self._compare(part, into)
                into.progress.ends(one.until)
            except InvalidValueError as error:
                if error.code != "too_many_rows" or (one.until - one.since).total_seconds() < SHORTEST:
                    raise
                parts += reversed(one.halves())

    async def recheck(
        self, partner: TrustDomain, differences: Sequence[Difference], into: Sum
    ) -> list[Difference]:
        """Those of earlier differences about which both sides say the same by now, as ``late``."""
        if not differences:
            return []
        first = min(one.timestamp for one in differences)
        interval = said.interval_of(first, self.channel.ourselves.now())
        fields = await self._agree_on_fields(partner, interval, into)
        part = _Part(partner, interval, secrets.token_bytes(KEY_BYTES), fields, into.tally, into.progress)
        judged = await self._judge(part, [one.correlation_id for one in differences])
        return [
            one.late() for one in judged if one.difference is None or one.difference.outcome is Outcome.LATE
        ]

    async def _agree_on_fields(self, partner: TrustDomain, interval: Interval, into: Sum) -> tuple[str, ...]:
        """What both sides compare: the partner may leave out fields."""
        part = _Part(partner, interval, bytes(KEY_BYTES), self.privacy.fields, into.tally, into.progress)
        fields = (await self._ask(part, "fields")).fields
        if not fields or tuple(name for name in part.fields if name in fields) != fields:
            raise RefusedError("unexpected_answer", "expected some of our fields, got others or none")
        return fields

    async def _compare(self, part: _Part, into: Sum) -> None:
        span = Span(self.channel.own, part.partner, part.interval)
        # The partner reads its rows while we read ours.
        records, whole = await asyncio.gather(
            self.crossings.records(span, part.key, part.fields, progress=part.progress.read),
            self._ask(part, "whole"),
        )
        compared = await self._converse(part, records, whole.answer(Whole()))
        ids, nameless = await self._names(span, part, compared)
        judged = await self._judge(part, ids)
        into.ours += len(records)
        into.theirs += compared.theirs
        into.complete &= compared.complete and not nameless
        into.matched += len(records) - len(compared.only_ours) - len(compared.differing)
        into.matched += sum(one.difference is None for one in judged)
        into.unanswered += sum(one.unanswered for one in judged)
        into.differences += [one.difference for one in judged if one.difference is not None]

    async def _converse(self, part: _Part, records: RecordSet, answer: Answer) -> Compared:
        """Carry the pure comparison's questions over the wire; the first one, Whole, has been answered."""
        part.progress.compares(answer.size if isinstance(answer, Print) else 0)
        asking = reconcile.compare(records, self.limits)
        next(asking)
        try:
            while True:
                question = await asyncio.to_thread(_step, asking, answer)
                if isinstance(question, Compared):
                    return question
                ask, names = said.asked(question)
                answer = (await self._ask(part, ask, names)).answer(question)
        except LyingError as error:
            raise RefusedError("unexpected_answer", f"the partner contradicts itself: {error}") from error

    async def _names(self, span: Span, part: _Part, compared: Compared) -> tuple[list[str], int]:
        """The correlation ids of all hashes, and how many the partner could not name."""
        rows = await self.crossings.named(span, part.key, [*compared.only_ours, *compared.differing])
        ids = [row.correlation_id for row in rows]
        nameless = 0
        for some in _chunks(compared.only_theirs, said.MAX_NAMES):
            told = (await self._ask(part, "names", tuple(one.hex() for one in some))).names
            if len(told) != len(some):
                raise RefusedError("unexpected_answer", "expected a name for each hash, got another number")
            good = [name for name, one in zip(told, some, strict=True) if id_hash(name, part.key) == one]
            nameless += len(some) - len(good)
            ids += good
        return ids, nameless

    async def _judge(self, part: _Part, ids: Sequence[str]) -> list[Judged]:
        """What both sides say of each of these crossings, looked up by name, whenever it was."""
        found: list[Judged] = []
        part.progress.names(len(ids))
        for some in _chunks(ids, said.MAX_KNOWN):
            ours = await self.crossings.known(part.partner, some)
            mine = {row.correlation_id: crossing_of(row, self.channel.own) for row in ours}
            theirs = await self._known(part, some)
            found += [
                judge(mine.get(one), theirs.get(one), key=part.key, fields=part.fields)
                for one in some
                if one in mine or one in theirs
            ]
            part.progress.has_named(len(some))
        return found

    async def _known(self, part: _Part, ids: Sequence[str]) -> dict[str, Crossing]:
        told = (await self._ask(part, "known", tuple(ids))).told
        known = {one.correlation_id: one.crossing() for one in told}
        if len(told) > len(ids) or not known.keys() <= set(ids):
            raise RefusedError("unexpected_answer", "expected only crossings that were asked for")
        return known

    async def _ask(self, part: _Part, ask: Ask, names: tuple[str, ...] = ()) -> AuditAnswer:
        """One question; asked again while the partner reads its rows."""
        saying = Saying(AUDIT, AUDIT_PURPOSE, lambda claims: part.question(claims, ask, names))
        for _ in range(WAITS):
            answer = await self.channel.ask(part.partner, saying, AuditAnswer, tally=part.tally)
            if ask != "fields" and answer.fields != part.fields:
                raise RefusedError("unexpected_answer", "expected the fields that were agreed on, got others")
            if answer.ready:
                return answer
            part.progress.partner_read(answer.read)
        raise UnavailableError(f"{part.partner} has not read its rows in time: compare a shorter time")


def _step(asking: Generator[Question, Answer, Compared], answer: Answer) -> Question | Compared:
    try:
        return asking.send(answer)
    except StopIteration as end:
        compared: Compared = end.value
        return compared


def _chunks(items: Sequence[_T], size: int) -> list[Sequence[_T]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
