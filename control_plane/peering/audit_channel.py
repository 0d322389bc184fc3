"""A question about the audit and its answer, as signed messages over the channel between two control planes.

Both ends are here: whom a message is believed to be from, and that an answer belongs to its question.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import control_plane_id
from control_plane.peering import decide, jws, messages, transcript
from control_plane.peering.authenticate import authenticate
from control_plane.peering.client import Exchange, Outward
from control_plane.peering.messages import Envelope, Typed
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.paths import JOSE
from control_plane.peering.receiving import Caller
from control_plane.peering.record import Note
from control_plane.peering.refusal import RefusedError
from control_plane.peering.tls import ClientContext
from control_plane.peering.transcript import Expected
from control_plane.ports.errors import UnavailableError
from control_plane.ports.objects import Objects
from control_plane.ports.peering import Partners


class Spoken(Typed, Protocol):
    """A message with the claims that every one has."""

    @property
    def envelope(self) -> Envelope:
        """Who speaks to whom."""


class Reply(Spoken, Protocol):
    """A message that answers another."""

    @property
    def question(self) -> str:
        """The digest of the message that is answered."""


Heard = TypeVar("Heard", bound=Spoken)
Answered = TypeVar("Answered", bound=Reply)


@dataclass(slots=True)
class Tally:
    """What an exchange of messages has cost so far, both ways."""

    bytes: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Saying:
    """What is said where; ``make`` is given the claims that every message has."""

    path: str
    purpose: str
    make: Callable[[Envelope], Typed]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditChannel:
    """``outward`` has the deadline of one exchange."""

    ourselves: Ourselves
    objects: Objects
    partners: Partners
    outward: Outward

    @property
    def own(self) -> TrustDomain:
        """Our organisation."""
        return self.ourselves.options.own

    async def bundle(self, organisation: TrustDomain) -> Bundle:
        """The bundle of a partner that is trusted; RefusedError otherwise. A pause stops only traffic."""
        stored = await self.objects.get(Kind.AGREEMENT, organisation)
        agreement = stored.value if stored and isinstance(stored.value, Agreement) else None
        if decide.may_speak(agreement, organisation).state is not AgreementState.TRUSTED:
            raise RefusedError("unknown_partner", f"the agreement with {organisation} is not approved yet")
        held = await self.objects.get(Kind.BUNDLE, organisation)
        if held is None or not isinstance(held.value, Bundle):
            raise RefusedError("unknown_partner", f"we hold no bundle of {organisation}")
        return held.value

    async def heard(
        self, kind: type[Heard], body: bytes, caller: Caller, *, purpose: str, note: Note
    ) -> Heard:
        """A partner's message, believed; RefusedError otherwise."""
        sealed = jws.read(body, kind.TYP)
        message = messages.read(kind, sealed.payload)
        sender = message.envelope.sender
        note.organisation = sender
        now = self.ourselves.now()
        transcript.check(message.envelope, Expected(sender, self.own, purpose, caller.channel), now=now)
        authenticate(sealed, await self.bundle(sender), now=now)
        return message

    def claims(self, organisation: TrustDomain, purpose: str, channel: str) -> Envelope:
        """The claims of a message of ours."""
        return transcript.envelope(Expected(self.own, organisation, purpose, channel), self.ourselves.now())

    async def ask(
        self, organisation: TrustDomain, saying: Saying, reply: type[Answered], *, tally: Tally
    ) -> Answered:
        """Say something to a partner, and read its signed reply; raises as ``exchange``."""
        return (await self.exchange(organisation, saying, reply, tally=tally))[0]

    async def exchange(
        self, organisation: TrustDomain, saying: Saying, reply: type[Answered], *, tally: Tally
    ) -> tuple[Answered, bytes]:
        """Say something to a partner; its reply, and the signed text of it.

        Raises RefusedError (also with the code that the partner answered) and UnavailableError.
        """
        bundle = await self.bundle(organisation)
        record = await self.partners.get(organisation)
        if record is None or not record.addresses:
            raise UnavailableError(f"{organisation} has not said where its control plane is")
        context = ClientContext.to(control_plane_id(organisation), bundle.anchors)
        said = b""

        async def hold(exchange: Exchange) -> tuple[bytes, str]:
            def late() -> bytes:
                nonlocal said
                claims = self.claims(organisation, saying.purpose, exchange.channel)
                said = self.ourselves.seal(saying.make(claims))
                return said

            return await exchange.post(saying.path, late, content_type=JOSE), exchange.channel

        answer, channel = await self.outward.talk(record.addresses, context, hold)
        tally.bytes += len(said) + len(answer)
        tally.messages += 2
        sealed = jws.read(answer, reply.TYP)
        message = messages.read(reply, sealed.payload)
        expected = Expected(organisation, self.own, saying.purpose, channel)
        transcript.check(message.envelope, expected, now=self.ourselves.now())
        if message.question != transcript.message_digest(said):
            raise RefusedError("bad_answer", "expected the answer to our question, got another")
        authenticate(sealed, bundle, now=self.ourselves.now())
        return message, answer
