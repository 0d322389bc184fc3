"""The codes with which an invitation or a join ends, as operators meet them (``docs/peering.md``)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a family of codes has in common."""

    status: int
    title: str
    hint: str


_MESSAGE = _Kind(
    502,
    "A message of the partner's control plane is refused",
    "invite again; when it happens again, somebody is in between: compare fingerprints by telephone",
)
_CHALLENGE = _Kind(502, "A challenge was not answered as it must be", "join again")
_TOKEN = _Kind(422, "The token cannot be used", "ask the partner's operator for a new one: `proxenia invite`")
_STATE = _Kind(409, "The agreement does not allow this", "`proxenia agreement show` says how it stands")
_ANSWER = _Kind(502, "The partner's control plane did not answer as it must", "ask its operator; see its log")
_BUNDLE = _Kind(422, "A bundle is refused", "ask the partner's operator; the last good one stays in use")
_SETTING = _Kind(422, "A value is out of its limits", "correct it and send the request again")

FAMILIES: dict[str, _Kind] = {
    **dict.fromkeys(
        (
            *("malformed_message", "message_too_large", "wrong_content_type", "wrong_algorithm"),
            *("bad_signature", "untrusted_chain", "wrong_identity", "reflected", "crossed", "wrong_channel"),
            *("wrong_purpose", "message_expired", "message_from_the_future", "message_lives_too_long"),
            *("bad_answer", "bad_introduction", "bundle_not_pinned", "heartbeat_replayed"),
        ),
        _MESSAGE,
    ),
    **dict.fromkeys(
        ("challenge_unknown", "challenge_replayed", "challenge_expired", "challenge_crossed"), _CHALLENGE
    ),
    "too_many_challenges": _Kind(429, "Too many challenges are open", "wait a minute and join again"),
    **dict.fromkeys(
        (
            *("bad_token", "unknown_token", "used_token", "expired_token", "tampered_token", "bad_proof"),
            "wrong_organisation",
        ),
        _TOKEN,
    ),
    **dict.fromkeys(
        ("too_many_invitations", "partner_revoked", "already_trusted", "unknown_partner"), _STATE
    ),
    **dict.fromkeys(
        ("too_many_comparisons", "too_many_rows"),
        _Kind(
            409, "The audits cannot be compared like this now", "compare a shorter time, or try again later"
        ),
    ),
    **dict.fromkeys(
        ("head_went_back", "head_forked", "bad_head"),
        _Kind(
            502,
            "A head of an audit is refused",
            "the log was changed or replaced: `proxenia audit verify` on both sides, and ask its operator",
        ),
    ),
    "forbidden_address": _Kind(
        422, "An address may not be dialled", "allow its network with --partner-networks if it is right"
    ),
    "no_peering_address": _Kind(
        409, "Partners are told no address", "start the control plane with --peering-listen"
    ),
    **dict.fromkeys(
        ("redirected", "answer_too_large", "untrusted_server", "unexpected_answer", "partner_refused"),
        _ANSWER,
    ),
    **dict.fromkeys(
        (
            *("bad_bundle_source", "bad_url", "unsupported_key", "not_a_bundle", "duplicate_member"),
            *("key_mismatch", "trust_withdrawn", "sequence_rollback", "sequence_reused"),
        ),
        _BUNDLE,
    ),
    **dict.fromkeys(("bad_lifetime", "bad_setting"), _SETTING),
}
