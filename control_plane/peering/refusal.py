"""Every way in which a peer is refused: a stable code, the HTTP status, and what the other side is told.

Codes are part of the protocol: they may be added, never renamed. The sentence for the peer says nothing that
it could not know; details go to our own audit.
"""

from dataclasses import dataclass

from control_plane.model.problem import InvalidValueError


@dataclass(frozen=True, slots=True)
class Answer:
    """How a refusal is answered."""

    status: int
    title: str


CODES: dict[str, Answer] = {
    # What is not even a message.
    "malformed_message": Answer(400, "The message is not well-formed"),
    "message_too_large": Answer(413, "The message is too large"),
    "wrong_content_type": Answer(415, "The message is of a type that is not taken here"),
    "wrong_type": Answer(400, "The message was made for another step"),
    "wrong_algorithm": Answer(400, "Only ES256 is accepted"),
    "bad_signature": Answer(403, "The signature does not fit the message"),
    # Who sent it, and to whom.
    "untrusted_chain": Answer(403, "The certificate does not lead to a trust anchor of its organisation"),
    "wrong_identity": Answer(403, "The certificate is not that of the sender's control plane"),
    "reflected": Answer(403, "The message is our own"),
    "crossed": Answer(403, "The message was made for somebody else"),
    "wrong_channel": Answer(403, "The message was made for another connection"),
    "wrong_purpose": Answer(403, "The message was made for another purpose"),
    "message_expired": Answer(403, "The message has expired"),
    "message_from_the_future": Answer(403, "The message's time is ahead of ours"),
    "message_lives_too_long": Answer(403, "The message would be valid for too long"),
    "bad_answer": Answer(403, "The answer does not belong to the question"),
    # Challenges.
    "challenge_unknown": Answer(403, "There is no such challenge"),
    "challenge_replayed": Answer(403, "The challenge has been answered before"),
    "challenge_expired": Answer(403, "The challenge has expired"),
    "challenge_crossed": Answer(403, "The challenge was made for somebody else"),
    "too_many_challenges": Answer(429, "Too many challenges are open"),
    # Tokens.
    "bad_token": Answer(422, "The token is damaged"),
    "unknown_token": Answer(403, "There is no such invitation"),
    "used_token": Answer(403, "The invitation has been used before"),
    "expired_token": Answer(403, "The invitation has expired"),
    "tampered_token": Answer(403, "The token is not the one that was issued"),
    "bad_proof": Answer(403, "The sender does not hold the token's secret"),
    "wrong_organisation": Answer(403, "The invitation is for another organisation"),
    "too_many_invitations": Answer(409, "Too many invitations are open"),
    # Agreements.
    "own_organisation": Answer(422, "An organisation does not federate with itself"),
    "partner_revoked": Answer(403, "The agreement has been revoked"),
    "already_trusted": Answer(409, "The partner is trusted already"),
    "unknown_partner": Answer(403, "There is no agreement"),
    "heartbeat_replayed": Answer(409, "A later heartbeat has been seen"),
    "changed_meanwhile": Answer(409, "The agreement was changed at the same time"),
    # Comparing audits.
    "too_many_comparisons": Answer(429, "Too many comparisons at once"),
    "too_many_rows": Answer(422, "There are too many rows in that time"),
    "head_went_back": Answer(409, "The log is shorter than it was"),
    "head_forked": Answer(409, "The log does not continue what was seen of it"),
    "bad_head": Answer(422, "The head of the log is not acceptable"),
    # What a partner says of itself.
    "bad_introduction": Answer(422, "What the sender says of itself is not acceptable"),
    "bundle_not_pinned": Answer(403, "The bundle is not the one that the token names"),
    "forbidden_address": Answer(403, "An address may not be used"),
    # What a partner's server answers.
    "redirected": Answer(502, "The server answered with a redirect, which is not followed"),
    "answer_too_large": Answer(502, "The server's answer is too large"),
    "untrusted_server": Answer(502, "The server's certificate is not the one that is expected"),
    "unexpected_answer": Answer(502, "The server answered something unexpected"),
    "partner_refused": Answer(502, "The partner refused"),
}


class RefusedError(InvalidValueError):
    """A peer, or what it sent, is refused. ``code`` is one of CODES, ``detail`` is for our own operators."""

    def __init__(self, code: str, detail: str) -> None:
        if code not in CODES:
            raise ValueError(f"expected a code of peering.refusal, got {code}")
        super().__init__(code, detail)
