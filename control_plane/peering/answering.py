"""A partner compares its audit with ours: questions are answered, about the crossings of the pair only."""

import asyncio
from dataclasses import dataclass, field, replace

from control_plane.chain import reconcile
from control_plane.chain.crossing import crossing_of, id_hash, shown
from control_plane.chain.record_set import RecordSet
from control_plane.model.audit import AuditEvent
from control_plane.model.problem import InvalidValueError
from control_plane.model.reconciliation import FIELDS
from control_plane.peering import audit_messages as said
from control_plane.peering import transcript
from control_plane.peering.audit_channel import AuditChannel
from control_plane.peering.audit_messages import AUDIT_PURPOSE, AuditAnswer, AuditQuestion, Told
from control_plane.peering.receiving import Caller
from control_plane.peering.record import Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.peering.shelf import Shelf, Wanted
from control_plane.ports.reconciliation import Crossings, ReadSoFar, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """What of a crossing partners see.

    Fields that stay at ``home`` are shown as keyed hashes; those of ``without`` take no part in comparisons.
    """

    home: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()

    @property
    def fields(self) -> tuple[str, ...]:
        """What we compare."""
        return tuple(name for name in FIELDS if name not in self.without)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """A handler of the peering endpoint."""

    channel: AuditChannel
    crossings: Crossings
    recorder: Recorder
    privacy: Privacy = field(default_factory=Privacy)
    shelf: Shelf = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shelf", Shelf(self._read))

    async def answer(self, body: bytes, caller: Caller) -> bytes:
        """Answer one question; RefusedError for anybody but a trusted partner."""
        async with self.recorder.refusals("peering.audit", caller.peer) as note:
            question = await self.channel.heard(AuditQuestion, body, caller, purpose=AUDIT_PURPOSE, note=note)
            question.check()
            answer = await self._answer(question)
        sender = question.envelope.sender
        claims = self.channel.claims(sender, AUDIT_PURPOSE, caller.channel)
        digest = transcript.message_digest(body)
        return self.channel.ourselves.seal(replace(answer, envelope=claims, question=digest))

    async def _answer(self, question: AuditQuestion) -> AuditAnswer:
        fields = tuple(name for name in question.fields if name in self.privacy.fields)
        blank = AuditAnswer(envelope=question.envelope, question="", fields=fields)
        if question.ask == "fields" or fields != question.fields:
            return blank
        if question.ask == "known":
            return replace(blank, told=await self._known(question))
        if question.ask == "names":
            return replace(blank, names=await self._names(question))
        asked = question.question()
        wanted = Wanted(
            question.envelope.sender, question.interval, bytes.fromhex(question.key), question.fields
        )
        records = await self._records(wanted)
        if records is None:
            return replace(blank, ready=False, names=(str(self.shelf.rows(wanted)),))
        return replace(blank, packed=said.packed(await asyncio.to_thread(reconcile.answer, records, asked)))

    async def _records(self, wanted: Wanted) -> RecordSet | None:
        try:
            return await self.shelf.get(wanted)
        except InvalidValueError as error:
            if error.code != "too_many_rows":
                raise
            raise RefusedError("too_many_rows", error.detail) from error

    async def _read(self, wanted: Wanted, progress: ReadSoFar) -> RecordSet:
        span = Span(self.channel.own, wanted.partner, wanted.interval)
        return await self.crossings.records(span, wanted.key, wanted.fields, progress=progress)

    async def _names(self, question: AuditQuestion) -> tuple[str, ...]:
        """The correlation ids of hashes, in their order; an empty one for what we do not have."""
        wanted, key = said.hashes(question.names), bytes.fromhex(question.key)
        self.shelf.admit(question.envelope.sender)
        span = Span(self.channel.own, question.envelope.sender, question.interval)
        rows = await self.crossings.named(span, key, wanted)
        found = {id_hash(row.correlation_id, key): row.correlation_id for row in rows}
        return tuple(found.get(one, "") for one in wanted)

    async def _known(self, question: AuditQuestion) -> tuple[Told, ...]:
        if not 0 < len(question.names) <= said.MAX_KNOWN:
            raise RefusedError("malformed_message", f"expected 1 to {said.MAX_KNOWN} correlation ids")
        rows = await self.crossings.known(question.envelope.sender, question.names)
        return tuple(self._told(row, bytes.fromhex(question.key)) for row in rows)

    def _told(self, row: AuditEvent, key: bytes) -> Told:
        crossing = crossing_of(row, self.channel.own)
        # What takes no part in comparisons is nobody's business: it stays at home.
        home = self.privacy.home | self.privacy.without
        return Told(row.correlation_id, said.microseconds(row.timestamp), shown(crossing, key, home))
