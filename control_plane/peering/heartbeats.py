"""Heartbeats: each side tells the other, signed, how it sees it; a pause is visible, and so is a death.

Freshness is the sequence, which only grows: a heartbeat that was seen before, or that is older than one seen,
changes nothing. The receiver answers nothing but that it took it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import PartnerRecord, PartnerView, Remark, View, control_plane_id
from control_plane.model.problem import InvalidValueError
from control_plane.peering import decide, jws, messages, transcript
from control_plane.peering.authenticate import authenticate
from control_plane.peering.client import Exchange, Outward
from control_plane.peering.messages import HEARTBEAT_PURPOSE, Heartbeat
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.paths import HEARTBEATS, JOSE
from control_plane.peering.receiving import Caller
from control_plane.peering.record import Note, Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.peering.tls import ClientContext
from control_plane.peering.transcript import Expected
from control_plane.ports.errors import UnavailableError
from control_plane.ports.objects import Objects, Stored
from control_plane.ports.peering import Lease, Partners, Singleton

LOCK = "heartbeats"
AGAIN = timedelta(minutes=1)  # between two fetches of a bundle that we hear of and do not take
AT_ONCE = 64  # partners that are spoken to at the same time
_STRANGERS = {"untrusted_chain", "wrong_identity", "bad_signature", "wrong_algorithm"}
_SHOWN = 300  # characters of an error that are kept

_log = structlog.get_logger()


async def nobody(_: TrustDomain) -> None:
    """Nobody wants to know."""


async def nothing_wrong(_: TrustDomain) -> tuple[Remark, ...]:
    """Nobody looks."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """The receiving end; a handler of the peering endpoint.

    ``fetch_soon`` is told of partners who have another bundle than the one that we hold: they say so, or it
    does not verify their chain.
    """

    ourselves: Ourselves
    objects: Objects
    partners: Partners
    recorder: Recorder
    fetch_soon: Callable[[TrustDomain], Awaitable[None]] = nobody
    _told: dict[TrustDomain, tuple[int, datetime]] = field(default_factory=dict)  # which bundle, and when
    _clocks: dict[TrustDomain, float] = field(default_factory=dict)  # of those heard here: seconds ahead

    async def hear(self, body: bytes, caller: Caller) -> bytes:
        """Take over a partner's heartbeat."""
        try:
            async with self.recorder.refusals("peering.heartbeat", caller.peer) as note:
                await self._hear(body, caller, note)
        except RefusedError as error:
            if error.code not in _STRANGERS:
                raise
            # Our audit has the reason. A stranger is not told who our partners are.
            raise RefusedError("unknown_partner", error.detail) from error
        return b""

    async def _hear(self, body: bytes, caller: Caller, note: Note) -> None:
        sealed = jws.read(body, Heartbeat.TYP)
        beat = messages.read(Heartbeat, sealed.payload)
        sender = beat.envelope.sender
        note.organisation = sender
        own, now = self.ourselves.options.own, self.ourselves.now()
        transcript.check(beat.envelope, Expected(sender, own, HEARTBEAT_PURPOSE, caller.channel), now=now)
        bundle = await self.objects.get(Kind.BUNDLE, sender)
        if bundle is None or not isinstance(bundle.value, Bundle):
            raise RefusedError("unknown_partner", f"we hold no bundle of {sender}")
        agreement = _agreement(await self.objects.get(Kind.AGREEMENT, sender))
        try:
            authenticate(sealed, bundle.value, now=now)
        except RefusedError as error:
            if error.code == "untrusted_chain" and agreement is not None and _spoken_to(agreement):
                await self.fetch_soon(sender)
            raise
        decide.may_speak(agreement, sender)
        if not await self.partners.heard(sender, beat.sequence, beat.view):
            raise RefusedError(
                "heartbeat_replayed",
                f"expected a later heartbeat than the last, got sequence {beat.sequence}",
            )

        self._clocks[sender] = beat.envelope.iat - now.timestamp()
        if beat.bundle > bundle.value.sequence:
            await self._newer(sender, beat.bundle, now)

    async def _newer(self, sender: TrustDomain, sequence: int, now: datetime) -> None:
        """Once for each bundle, and now and then while we do not take it: it may wait for an operator."""
        told, at = self._told.get(sender, (-1, now))
        if told != sequence or now - at >= AGAIN:
            self._told[sender] = sequence, now
            await self.fetch_soon(sender)

    async def views(self, *, after: str = "", limit: int | None = None) -> list[PartnerView]:
        """How every partner and we see each other; implements ports.peering.PartnerViews."""
        interval = self.ourselves.options.heartbeat
        return [
            decide.view_of(record, interval=interval, clock=self._clocks.get(record.organisation))
            for record in await self.partners.all(after=after, limit=limit)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beating:
    """The sending end: ``run`` is a task of its owner, and one replica does it at a time.

    ``phase`` says how far we have taken over a partner's announced change of anchors, ``remarks`` what we
    find wrong with its gateways.
    """

    ourselves: Ourselves
    objects: Objects
    partners: Partners
    outward: Outward
    singleton: Singleton
    phase: Callable[[TrustDomain], str] = lambda _: ""
    remarks: Callable[[TrustDomain], Awaitable[tuple[Remark, ...]]] = nothing_wrong

    async def run(self) -> None:
        """Send until cancelled; what goes wrong is tried again."""
        while True:
            try:
                async with self.singleton.hold(LOCK) as lease:
                    await self._beat_while_held(lease)
            except UnavailableError as error:
                _log.warning("heartbeats wait for the database", detail=str(error))
                await asyncio.sleep(self.ourselves.options.heartbeat)

    async def _beat_while_held(self, lease: Lease) -> None:
        interval = self.ourselves.options.heartbeat
        loop = asyncio.get_running_loop()
        while await lease.held():
            started = loop.time()
            await self.round()
            await asyncio.sleep(max(0.0, started + interval - loop.time()))

    async def round(self) -> None:
        """One heartbeat to every partner whose agreement is pending or trusted; none delays another's."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(record: PartnerRecord) -> None:
            async with limit:
                try:
                    await self._note(record)
                except UnavailableError as error:
                    _log.warning("a heartbeat waits for the database", detail=str(error))
                except Exception:  # noqa: BLE001 - a defect with one partner must not stop the others
                    _log.exception("a heartbeat could not be sent", organisation=record.organisation)

        async with asyncio.TaskGroup() as group:
            for record in await self.partners.all():
                group.create_task(one(record), name=f"heartbeat to {record.organisation}")

    async def _note(self, record: PartnerRecord) -> None:
        stored = await self.objects.get(Kind.AGREEMENT, record.organisation)
        agreement = _agreement(stored)
        if stored is None or agreement is None or not record.addresses or not _spoken_to(agreement):
            return
        try:
            await self._send(record, agreement, stored)
            error = ""
        except InvalidValueError as refusal:
            error = f"{refusal.code}: {refusal.detail}"
        except UnavailableError as failure:
            error = f"unavailable: {failure}"
        await self.partners.sent(record.organisation, error[:_SHOWN])

    async def _send(self, record: PartnerRecord, agreement: Agreement, stored: Stored) -> None:
        organisation = record.organisation
        held = await self.objects.get(Kind.BUNDLE, organisation)
        bundle = held.value if held and isinstance(held.value, Bundle) else Bundle(organisation, ())
        context = ClientContext.to(control_plane_id(organisation), bundle.anchors)
        changed = int(stored.updated_at.timestamp())
        view = View(agreement.state, agreement.paused, changed, bundle.sequence, self.phase(organisation))
        sequence, since = await self.partners.number(organisation, view)
        remarks = await self.remarks(organisation)
        said = View(view.state, view.paused, since, view.sequence, view.phase, remarks)

        async def hold(exchange: Exchange) -> None:
            await exchange.post(
                HEARTBEATS, lambda: self._seal(organisation, sequence, said, exchange), content_type=JOSE
            )

        await self.outward.talk(record.addresses, context, hold)

    def _seal(self, organisation: TrustDomain, sequence: int, view: View, exchange: Exchange) -> bytes:
        expected = Expected(self.ourselves.options.own, organisation, HEARTBEAT_PURPOSE, exchange.channel)
        envelope = transcript.envelope(expected, self.ourselves.now())
        return self.ourselves.seal(Heartbeat(envelope, sequence, view, self.ourselves.bundle().sequence))


def _agreement(stored: Stored | None) -> Agreement | None:
    return stored.value if stored and isinstance(stored.value, Agreement) else None


def _spoken_to(agreement: Agreement) -> bool:
    return agreement.state in {AgreementState.PENDING, AgreementState.TRUSTED}
