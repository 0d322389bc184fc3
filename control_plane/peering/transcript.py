"""What a message must say to be taken, and the bytes that a proof is made over."""

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest

from control_plane.model.identity import TrustDomain
from control_plane.model.peering import control_plane_id
from control_plane.peering.messages import Envelope, Join, write
from control_plane.peering.refusal import RefusedError

LIFETIME = 60  # seconds that a message of ours is valid
MAX_LIFETIME = 300  # that one of a peer may be
# How far clocks may be apart. Freshness does not depend on them: it comes from nonces, and from sequences.
MAX_SKEW = 600


@dataclass(frozen=True, slots=True)
class Expected:
    """Who speaks to whom, about what, over which connection; ``channel`` as ``Envelope`` has it."""

    sender: TrustDomain
    receiver: TrustDomain
    purpose: str
    channel: str


def envelope(expected: Expected, now: datetime) -> Envelope:
    """The claims of a message of ours."""
    issued = int(now.timestamp())
    return Envelope(
        iss=control_plane_id(expected.sender),
        aud=control_plane_id(expected.receiver),
        iat=issued,
        exp=issued + LIFETIME,
        purpose=expected.purpose,
        sender=expected.sender,
        receiver=expected.receiver,
        channel=expected.channel,
    )


def check(claims: Envelope, expected: Expected, *, now: datetime) -> None:
    """Raise RefusedError unless the message was made by ``sender`` for exactly this step.

    Codes: ``reflected``, ``wrong_identity``, ``crossed``, ``wrong_purpose``, ``wrong_channel``,
    ``message_expired``, ``message_from_the_future``, ``message_lives_too_long``.
    """
    own = control_plane_id(expected.receiver)
    if claims.iss == own or claims.sender == expected.receiver:
        raise RefusedError("reflected", "expected a message of the other side, got one of our own")
    if claims.iss != control_plane_id(expected.sender) or claims.sender != expected.sender:
        raise RefusedError(
            "wrong_identity",
            f"expected a message of {expected.sender}, got one of {claims.sender} signed by {claims.iss}",
        )
    if claims.aud != own or claims.receiver != expected.receiver:
        raise RefusedError(
            "crossed", f"expected a message for {own}, got one for {claims.aud} of {claims.receiver}"
        )
    if claims.purpose != expected.purpose:
        raise RefusedError(
            "wrong_purpose", f"expected purpose {expected.purpose}, got {ascii(claims.purpose)[:40]}"
        )
    if not compare_digest(claims.channel.encode(), expected.channel.encode()):
        raise RefusedError(
            "wrong_channel", "expected a message bound to this TLS connection, got one of another"
        )
    _check_times(claims, now)


def _check_times(claims: Envelope, now: datetime) -> None:
    present = now.timestamp()
    if not 0 < claims.exp - claims.iat <= MAX_LIFETIME:
        raise RefusedError(
            "message_lives_too_long",
            f"expected a message that is valid for 1 to {MAX_LIFETIME} s, got"
            f" {ascii(claims.exp - claims.iat)[:30]} s",
        )
    if claims.exp + MAX_SKEW <= present:
        raise RefusedError(
            "message_expired",
            f"expected a message that is still valid, got one that ended {present - claims.exp:.0f} s ago:"
            " compare the clocks of both sides",
        )
    if claims.iat - MAX_SKEW >= present:
        raise RefusedError(
            "message_from_the_future",
            f"expected a message of now, got one of {claims.iat - present:.0f} s ahead:"
            " compare the clocks of both sides",
        )


def proof_transcript(join: Join) -> bytes:
    """All that the joiner says except for the proof: identities, nonces, purpose, channel, bundle."""
    return b"proxenia join proof 1\0" + sha256(write(replace(join, proof_key="", proof=""))).digest()


def message_digest(text: bytes) -> str:
    """What an answer calls the message that it answers."""
    return sha256(b"proxenia message 1\0" + text).hexdigest()
