"""The inviter's side of a join: a challenge is given out, and its answer is believed or not."""

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from control_plane.model.audit import EventType
from control_plane.model.identity import TrustDomain, shown
from control_plane.peering import decide, jws, messages, proof, token, transcript
from control_plane.peering.agreeing import Agreeing
from control_plane.peering.authenticate import authenticate
from control_plane.peering.messages import JOIN_PURPOSE, Accepted, Ask, Challenge, Join
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.record import Note, Recorder
from control_plane.peering.refusal import RefusedError
from control_plane.peering.transcript import Expected
from control_plane.ports.peering import Found, Invitations, Redeemed, StoredInvitation

NONCE_BYTES = 32
_NONCE = re.compile(r"[A-Za-z0-9_-]{43}\Z")

_CHALLENGES = {
    Found.UNKNOWN: "challenge_unknown",
    Found.USED: "challenge_replayed",
    Found.EXPIRED: "challenge_expired",
    Found.OTHERS: "challenge_crossed",
}
_INVITATIONS = {Found.UNKNOWN: "unknown_token", Found.USED: "used_token", Found.EXPIRED: "expired_token"}


def new_nonce() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(NONCE_BYTES)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end, as far as the connection says: an address, and what binds messages to it."""

    peer: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiving:
    """Handlers of the peering endpoint; each takes a body and returns one, or raises RefusedError."""

    ourselves: Ourselves
    agreeing: Agreeing
    invitations: Invitations
    recorder: Recorder

    async def challenge(self, body: bytes, caller: Caller) -> bytes:
        """Give out a challenge to somebody who knows an invitation's id."""
        async with self.recorder.refusals("peering.challenge", caller.peer) as note:
            ask = messages.read(Ask, body)
            note.organisation = ask.organisation
            check_nonce(ask.nonce)
            invitation = await self._invitation(ask.invitation, ask.organisation)
            if invitation.state is not Found.GOOD:
                raise _refused(_INVITATIONS, invitation.state)
            nonce = new_nonce()
            options = self.ourselves.options
            kept = await self.invitations.challenge(
                ask.invitation, _hash(nonce), seconds=options.challenge, most=options.challenges
            )
            if not kept:
                raise RefusedError(
                    "too_many_challenges", f"expected at most {options.challenges} open for an invitation"
                )
            expected = Expected(options.own, ask.organisation, JOIN_PURPOSE, caller.channel)
            envelope = transcript.envelope(expected, self.ourselves.now())
            return self.ourselves.seal(Challenge(envelope, ask.invitation, nonce, ask.nonce))

    async def join(self, body: bytes, caller: Caller) -> bytes:
        """Take the answer to a challenge: who sent it is a partner from then on, though not trusted yet."""
        async with self.recorder.refusals("peering.join", caller.peer) as note:
            join, found = self._read(body, caller, note)
            invitation = await self._invitation(join.invitation, found.bundle.organisation)
            if invitation.state is not Found.USED:
                _check_proof(join, invitation)
            redeemed = await self.invitations.redeem(join.invitation, _hash(join.challenge))
            _check_redeemed(redeemed)
            await self.recorder.done(note, event_type=EventType.CROSS_ORG_AUTHORIZATION)
            state = await self.agreeing.take(found)
            expected = Expected(
                self.ourselves.options.own, join.envelope.sender, JOIN_PURPOSE, caller.channel
            )
            envelope = transcript.envelope(expected, self.ourselves.now())
            introduction = await self.ourselves.introduction()
            digest = transcript.message_digest(body)
            return self.ourselves.seal(Accepted(envelope, join.nonce, digest, state, introduction))

    def _read(self, body: bytes, caller: Caller, note: Note) -> tuple[Join, decide.Introduced]:
        """All that needs no database. The bundle is the sender's own word until its proof."""
        options, now = self.ourselves.options, self.ourselves.now()
        sealed = jws.read(body, Join.TYP)
        join = messages.read(Join, sealed.payload)
        sender = join.envelope.sender
        note.organisation = sender
        check_nonce(join.nonce)
        transcript.check(join.envelope, Expected(sender, options.own, JOIN_PURPOSE, caller.channel), now=now)
        found = decide.introduced(join.introduction, sender, options.policy)
        authenticate(sealed, found.bundle, now=now)
        return join, found

    async def _invitation(self, invitation_id: str, organisation: TrustDomain) -> StoredInvitation:
        """The invitation of this organisation, in whatever state; only its holder learns of a revocation."""
        token.check_id(invitation_id)
        invitation = await self.invitations.find(invitation_id)
        if invitation is None:
            raise RefusedError("unknown_token", f"expected an invitation of ours, got {shown(invitation_id)}")
        if invitation.organisation != organisation:
            raise RefusedError(
                "wrong_organisation",
                f"expected {invitation.organisation}, for whom it was made, got {organisation}",
            )
        await self.agreeing.may_begin(organisation)
        return invitation


def check_nonce(nonce: str) -> None:
    """Refuse what does not have the form of ``new_nonce``."""
    if not _NONCE.match(nonce):
        raise RefusedError("malformed_message", "expected a nonce of 43 characters in base64url, got another")


def _check_proof(join: Join, invitation: StoredInvitation) -> None:
    proof.check(invitation.verifier, join.proof_key, join.proof, transcript=transcript.proof_transcript(join))
    # Somebody who altered the token on its way (other anchors, another address) did not alter our record of
    # it.
    if not compare_digest(join.token.encode(), invitation.digest.encode()):
        raise RefusedError(
            "tampered_token", "expected the token that was issued, got one that was changed on its way"
        )


def _check_redeemed(redeemed: Redeemed) -> None:
    if redeemed.challenge is not Found.GOOD:
        raise _refused(_CHALLENGES, redeemed.challenge)
    if redeemed.invitation is not Found.GOOD:
        raise _refused(_INVITATIONS, redeemed.invitation)


def _refused(codes: dict[Found, str], found: Found) -> RefusedError:
    return RefusedError(codes[found], f"expected one that is open, got one that is {found}")


def _hash(nonce: str) -> str:
    return sha256(b"proxenia challenge 1\0" + nonce.encode()).hexdigest()
