"""Heads of audit logs: a partner offers its own, and we countersign what continues what we have seen.

A head that goes back or forks is refused, and both signed heads are kept: that is the proof, whatever the
partner says later.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar

from control_plane.chain import head as heads
from control_plane.chain import witness
from control_plane.chain.head import TreeHead
from control_plane.model.audit import EventType
from control_plane.model.bundle import Bundle
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import control_plane_id
from control_plane.model.problem import InvalidValueError
from control_plane.peering import jws, transcript
from control_plane.peering.audit_channel import AuditChannel
from control_plane.peering.audit_messages import unhex
from control_plane.peering.messages import Envelope
from control_plane.peering.receiving import Caller
from control_plane.peering.record import Note, Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.pki.jws import signed_by
from control_plane.ports.heads import Evidence, HeadKeeping, HeldHead

HEADS_PURPOSE = "audit-head"
_HASH = 32
_TRIES = 3
AHEAD = timedelta(minutes=10)  # that the clock of the partner may be


@dataclass(frozen=True, slots=True)
class HeadOffer:
    """A signed head, and the proof that it continues the tree of ``first`` rows."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    TYP: ClassVar[str] = "proxenia-audit-head-offer+jwt"

    envelope: Envelope
    head: str
    first: int = 0
    proof: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeadWitness:
    """The countersignature: ``head`` is the SHA-256 of the offered head's text.

    ``witnessed`` false: a proof from ``size`` rows on is needed.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    TYP: ClassVar[str] = "proxenia-audit-head-witness+jwt"

    envelope: Envelope
    question: str
    head: str
    log_id: str
    size: int
    root: str
    witnessed: bool = True


def name_of(signed: bytes) -> str:
    """What a witness calls a signed head."""
    return sha256(signed).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessing:
    """A handler of the peering endpoint."""

    channel: AuditChannel
    kept: HeadKeeping
    recorder: Recorder

    async def witness(self, body: bytes, caller: Caller) -> bytes:
        """Countersign a partner's head; RefusedError when it does not continue the last one."""
        async with self.recorder.refusals("peering.audit_head", caller.peer) as note:
            offer = await self.channel.heard(HeadOffer, body, caller, purpose=HEADS_PURPOSE, note=note)
            sender = offer.envelope.sender
            signed = offer.head.encode()
            head = head_of(
                signed, sender, await self.channel.bundle(sender), now=self.channel.ourselves.now()
            )
            question = transcript.message_digest(body)
            for _ in range(_TRIES):
                held = await self.kept.theirs(sender)
                last = None if held is None else head_in(held.head)
                answer = await self._judged(offer, head, last, question, caller)
                text = self.channel.ourselves.seal(answer)
                if not answer.witnessed or await self.kept.keep_theirs(
                    self._held(sender, head, signed, text), after=held
                ):
                    return text
        raise RefusedError("changed_meanwhile", "another head is being offered at the same time")

    async def _judged(
        self, offer: HeadOffer, head: TreeHead, last: TreeHead | None, question: str, caller: Caller
    ) -> HeadWitness:
        sender, signed = offer.envelope.sender, offer.head.encode()
        proof = tuple(unhex(one, most=_HASH) for one in offer.proof[: witness.MAX_PROOF])
        try:
            is_next = witness.continues(last, witness.Offer(head, offer.first, proof))
        except InvalidValueError as error:
            await self._keep_evidence(sender, signed, proof, error)
            raise RefusedError(error.code, error.detail) from error
        shown = head if is_next or last is None else last
        return HeadWitness(
            envelope=self.channel.claims(sender, HEADS_PURPOSE, caller.channel),
            question=question,
            head=name_of(signed),
            log_id=shown.log_id,
            size=shown.size,
            root=shown.root.hex(),
            witnessed=is_next,
        )

    def _held(self, sender: TrustDomain, head: TreeHead, signed: bytes, text: bytes) -> HeldHead:
        return HeldHead(
            organisation=sender,
            log_id=head.log_id,
            size=head.size,
            head=signed,
            countersigned=text,
            at=self.channel.ourselves.now(),
        )

    async def _keep_evidence(
        self, sender: TrustDomain, signed: bytes, proof: tuple[bytes, ...], error: InvalidValueError
    ) -> None:
        held = await self.kept.theirs(sender)
        evidence = Evidence(
            organisation=sender,
            code=error.code,
            detail=error.detail,
            held=held.head if held else b"",
            offered=signed,
            proof=proof,
            at=self.channel.ourselves.now(),
        )
        if await self.kept.keep_evidence(evidence):
            facts = {"detail": error.detail, "offered": name_of(signed), "held": name_of(evidence.held)}
            await self.recorder.done(
                Note("audit.head", control_plane_id(sender), sender, facts),
                event_type=EventType.RECONCILIATION,
                reason=error.code,
            )


def head_of(signed: bytes, organisation: TrustDomain, bundle: Bundle, *, now: datetime) -> TreeHead:
    """A head that the organisation's control plane signed, when it says it did; RefusedError ``bad_head``."""
    sealed = jws.read(signed, heads.TYP)
    try:
        head = heads.read(sealed.payload)
        identity = signed_by(sealed, bundle, now=head.at)
    except InvalidValueError as error:
        raise RefusedError("bad_head", f"{error.code}: {error.detail}") from error
    if head.at > now + AHEAD:
        raise RefusedError("bad_head", f"expected a head of now, got one of {head.at.isoformat()}")
    if identity != control_plane_id(organisation) or head.organisation != organisation:
        raise RefusedError("bad_head", f"expected a head of {organisation}, got one of {identity}")
    return head


def head_in(signed: bytes) -> TreeHead:
    """The head in a text that was verified when it was kept."""
    return heads.read(jws.read(signed, heads.TYP).payload)
