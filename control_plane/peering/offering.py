"""Heads of our audit log, offered to every partner on a schedule; their countersignatures are kept.

With them an auditor can prove to anybody, and we to ourselves, how far the log had come at what time.
"""

import asyncio
from dataclasses import dataclass, field

import structlog

from control_plane.model.audit import EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem
from control_plane.peering.audit_channel import AuditChannel, Saying, Tally
from control_plane.peering.paths import AUDIT_HEADS
from control_plane.peering.record import Note, Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.peering.witnessing import HEADS_PURPOSE, HeadOffer, HeadWitness, head_in, name_of
from control_plane.ports.errors import UnavailableError
from control_plane.ports.heads import HeadKeeping, HeldHead, OwnHead, OwnHeads
from control_plane.ports.peering import Lease, Partners, Singleton

LOCK = "audit heads"
STEPS = 64  # heads that are offered to one partner at a time
_REFUSED = ("head_went_back", "head_forked")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """``run`` is a task of its owner; ``every`` is the time between two offers, in seconds."""

    channel: AuditChannel
    log: OwnHeads
    kept: HeadKeeping
    partners: Partners
    singleton: Singleton
    recorder: Recorder
    every: float = 3600.0
    refused: dict[TrustDomain, str] = field(default_factory=dict)  # by whom, and how, this replica saw it

    async def run(self) -> None:
        """Offer on schedule until cancelled; what goes wrong is tried again."""
        while True:
            try:
                async with self.singleton.hold(LOCK) as lease:
                    await self._while_held(lease)
            except UnavailableError as error:
                _log.warning("offering heads waits for the database", detail=str(error))
            await asyncio.sleep(min(60.0, self.every))

    async def _while_held(self, lease: Lease) -> None:
        while await lease.held():
            await self.round()
            await asyncio.sleep(self.every)

    async def round(self) -> None:
        """Offer our head to every trusted partner, one after the other."""
        for record in await self.partners.all():
            if not record.addresses:
                continue
            try:
                await self.offer(record.organisation)
                self.refused.pop(record.organisation, None)
            except RefusedError as refusal:
                await self._note(record.organisation, refusal)
            except UnavailableError as error:
                _log.info("a head waits", organisation=record.organisation, detail=str(error))
            except Exception:  # noqa: BLE001 - a defect with one partner must not stop the others
                _log.exception("a head could not be offered", organisation=record.organisation)

    async def offer(self, organisation: TrustDomain) -> HeldHead | None:
        """Offer heads until the partner has witnessed the last one; that, or None: there is none yet.

        Raises RefusedError (``head_forked``, ``head_went_back``: so the partner sees it), UnavailableError.
        """
        held = await self.kept.ours(organisation)
        first = held.size if held else 0
        for _ in range(STEPS):
            own = await self.log.next(first)
            if own is None and first:
                raise RefusedError(
                    "head_went_back",
                    f"{organisation} has seen {first} rows of our log, and we have no such head",
                )
            if own is None or (held is not None and _same(own.signed, held.head)):
                return held
            witness, text = await self._say(organisation, own)
            if not witness.witnessed:
                first = witness.size
                continue
            held = HeldHead(
                organisation=organisation,
                log_id=witness.log_id,
                size=witness.size,
                head=own.signed,
                countersigned=text,
                at=self.channel.ourselves.now(),
            )
            await self.kept.keep_ours(held)
            first = own.size
        return held

    async def _say(self, organisation: TrustDomain, own: OwnHead) -> tuple[HeadWitness, bytes]:
        offer = Saying(
            AUDIT_HEADS,
            HEADS_PURPOSE,
            lambda claims: HeadOffer(
                envelope=claims,
                head=own.signed.decode(),
                first=own.first,
                proof=tuple(one.hex() for one in own.proof),
            ),
        )
        witness, text = await self.channel.exchange(organisation, offer, HeadWitness, tally=Tally())
        if witness.head != name_of(own.signed):
            raise RefusedError("bad_answer", "expected a countersignature of our head, got one of another")
        head = head_in(own.signed)
        said = (witness.log_id, witness.size, witness.root)
        if witness.witnessed and said != (head.log_id, head.size, head.root.hex()):
            raise RefusedError(
                "bad_answer", "expected what our head says to be countersigned, got something else"
            )
        return witness, text

    async def _note(self, organisation: TrustDomain, refusal: RefusedError) -> None:
        if refusal.code not in _REFUSED:
            _log.debug("no head was offered", organisation=organisation, code=refusal.code)
            return
        if self.refused.get(organisation) == refusal.code:
            return
        self.refused[organisation] = refusal.code
        _log.error("a partner refuses our log", organisation=organisation, code=refusal.code)
        await self.recorder.done(
            Note("audit.offer_head", "schedule", organisation, {"detail": refusal.detail}),
            event_type=EventType.RECONCILIATION,
            reason=refusal.code,
        )

    async def problems(self) -> tuple[Problem, ...]:
        """Logs that do not continue what was witnessed: a partner's, or our own as a partner says."""
        found = [
            Problem(
                f"partner {one.organisation}",
                one.code,
                f"its audit log is not what it was: {one.detail}",
                "ask its operator; `proxenia audit heads` has both signed heads, and"
                f" `proxenia audit accept-log {one.organisation}` goes on from its present one",
            )
            for one in await self.kept.evidence(limit=100)
        ]
        found += [
            Problem(
                f"partner {organisation}",
                code,
                "it says that our audit log is not what it was",
                "`proxenia audit verify` on this side; its operator has both signed heads",
            )
            for organisation, code in self.refused.items()
        ]
        return tuple(found)


def _same(one: bytes, other: bytes) -> bool:
    """Whether two signed heads say the same of the log."""
    first, second = head_in(one), head_in(other)
    return (first.log_id, first.size, first.root) == (second.log_id, second.size, second.root)
