"""The joiner's side of a join: a token is used at the inviter's control plane."""

from dataclasses import dataclass, replace

from control_plane.model.bundle import Bundle
from control_plane.model.peering import Joined, control_plane_id
from control_plane.peering import decide, jws, messages, proof, token, transcript
from control_plane.peering.agreeing import Agreeing
from control_plane.peering.authenticate import authenticate
from control_plane.peering.client import Exchange, Outward
from control_plane.peering.messages import JOIN_PURPOSE, Accepted, Ask, Challenge, Introduction, Join
from control_plane.peering.ourselves import Ourselves, words_of
from control_plane.peering.paths import CHALLENGES, JOINS, JOSE, JSON
from control_plane.peering.receiving import check_nonce, new_nonce
from control_plane.peering.record import Note, Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.peering.tls import ClientContext
from control_plane.peering.token import Token
from control_plane.peering.transcript import MAX_SKEW, Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Joiner:
    """Implements ports.peering.Joining."""

    ourselves: Ourselves
    agreeing: Agreeing
    outward: Outward
    recorder: Recorder

    async def join(self, text: str, *, actor: str) -> Joined:
        """Use a token: prove who we are to the inviter, and take over what it says of itself."""
        self.ourselves.require_addresses()
        async with self.recorder.refusals("peering.join", actor) as note:
            given = token.parse(text)
            note.organisation = given.inviter
            await self._check(given)
            introduction = await self.ourselves.introduction()
            visit = Visit(self.ourselves, given, token.digest(text), introduction)
            context = ClientContext.to(control_plane_id(given.inviter), given.anchors)
            found = await self.outward.talk(given.addresses, context, visit.hold)
            await self.recorder.done(Note("peering.join", actor, given.inviter, {"invitation": given.id}))
            state = await self.agreeing.take(found)
        return Joined(
            organisation=given.inviter,
            state=state,
            words=words_of(found.bundle),
            own_words=self.ourselves.words(),
            nodes=len(found.nodes),
        )

    async def _check(self, given: Token) -> None:
        own = self.ourselves.options.own
        if given.invited != own:
            raise RefusedError(
                "wrong_organisation", f"expected a token for {own}, got one for {given.invited}"
            )
        await self.agreeing.may_begin(given.inviter)
        if self.ourselves.now().timestamp() > given.until + MAX_SKEW:
            raise RefusedError("expired_token", "expected a token that is still valid: ask for a new one")


@dataclass(frozen=True, slots=True)
class Visit:
    """One conversation with the inviter's control plane, which TLS has shown to be what the token names."""

    ourselves: Ourselves
    token: Token
    digest: str
    introduction: Introduction

    async def hold(self, exchange: Exchange) -> decide.Introduced:
        """Ask for a challenge, answer it, and check what comes back."""
        nonce = new_nonce()
        ask = Ask(self.token.id, self.token.invited, nonce)
        text = await exchange.post(CHALLENGES, lambda: messages.write(ask), content_type=JSON)
        challenge = self._challenge(text, nonce, exchange.channel)
        sent: list[bytes] = []

        def answer() -> bytes:
            sent.append(self.ourselves.seal(self._join(challenge, nonce, exchange.channel)))
            return sent[-1]

        text = await exchange.post(JOINS, answer, content_type=JOSE)
        return self._accepted(text, nonce, exchange.channel, sent[-1])

    def _challenge(self, text: bytes, nonce: str, channel: str) -> Challenge:
        sealed = jws.read(text, Challenge.TYP)
        challenge = messages.read(Challenge, sealed.payload)
        self._believe(sealed, challenge, channel)
        check_nonce(challenge.nonce)
        if challenge.answers != nonce or challenge.invitation != self.token.id:
            raise RefusedError("bad_answer", "expected a challenge for our question, got one for another")
        return challenge

    def _join(self, challenge: Challenge, nonce: str, channel: str) -> Join:
        expected = Expected(self.token.invited, self.token.inviter, JOIN_PURPOSE, channel)
        join = Join(
            envelope=transcript.envelope(expected, self.ourselves.now()),
            invitation=self.token.id,
            token=self.digest,
            challenge=challenge.nonce,
            nonce=nonce,
            introduction=self.introduction,
        )
        key, signature = proof.prove(self.token.secret, transcript.proof_transcript(join))
        return replace(join, proof_key=key, proof=signature)

    def _accepted(self, text: bytes, nonce: str, channel: str, sent: bytes) -> decide.Introduced:
        sealed = jws.read(text, Accepted.TYP)
        accepted = messages.read(Accepted, sealed.payload)
        self._believe(sealed, accepted, channel)
        if accepted.answers != nonce or accepted.join != transcript.message_digest(sent):
            raise RefusedError("bad_answer", "expected an answer to what we sent, got one to something else")
        options = self.ourselves.options
        found = decide.introduced(accepted.introduction, self.token.inviter, options.policy)
        # The operators compare the token's anchors, so these and no others are taken over.
        if set(found.bundle.anchors) != set(self.token.anchors):
            raise RefusedError(
                "bundle_not_pinned",
                "expected the trust anchors that the token names, got others: they were changed since it was"
                " issued; ask for a new token",
            )
        return found

    def _believe(self, sealed: jws.Sealed, message: Challenge | Accepted, channel: str) -> None:
        """Raise RefusedError unless the inviter's control plane says this to us, now, on this connection."""
        now = self.ourselves.now()
        authenticate(sealed, Bundle(self.token.inviter, self.token.anchors), now=now)
        expected = Expected(self.token.inviter, self.token.invited, JOIN_PURPOSE, channel)
        transcript.check(message.envelope, expected, now=now)
