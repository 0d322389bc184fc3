"""The codes with which an invitation or a join ends, as operators meet them (``docs/peering.md``)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one code is answered: its status, what happened, and the next step."""

    status: int
    title: str
    hint: str


_INVITE = "ask the partner's operator for a new one: `proxenia invite`"
_BETWEEN = "invite again; when it happens again, somebody is in between: compare fingerprints by telephone"
_CLOCKS = "compare the clocks of both sides: `proxenia check` says how far they differ"
_TLS = "let TCP through as it is: nothing may end TLS between the two control planes"
_OPERATOR = "ask its operator; see its log"
_BUNDLE = "ask the partner's operator; the last good one stays in use"
_LOG = "the log was changed or replaced: `proxenia audit verify` on both sides, and ask its operator"
_SHORTER = "compare a shorter time, or try again later"
_CORRECT = "correct it and send the request again"
_STATE = "`proxenia agreement show` says how it stands"
_AGAIN = "join again"

_FAMILIES: tuple[tuple[int, str, Mapping[str, str]], ...] = (
    (
        502,
        _BETWEEN,
        {
            "malformed_message": "A message of the partner's control plane is not well-formed",
            "message_too_large": "A message of the partner's control plane is too large",
            "wrong_content_type": "A message of the partner's control plane is of another type",
            "wrong_algorithm": "A message of the partner's control plane is not signed with ES256",
            "bad_signature": "The signature of the partner's control plane does not fit its message",
            "untrusted_chain": "The certificate of the partner's control plane is not its anchors'",
            "wrong_identity": "The certificate is not that of the partner's control plane",
            "reflected": "Our own message came back",
            "crossed": "The message was made for another organisation",
            "wrong_purpose": "The message was made for another purpose",
            "message_lives_too_long": "The message would be valid for too long",
            "bad_answer": "The answer does not belong to our question",
            "bad_introduction": "What the partner says of itself cannot be used",
            "bundle_not_pinned": "The partner's anchors are not those that the token names",
            "heartbeat_replayed": "A later heartbeat of the partner was seen already",
        },
    ),
    (
        502,
        _CLOCKS,
        {
            "message_expired": "The message has expired, or a clock is wrong",
            "message_from_the_future": "The message's time is ahead of ours",
        },
    ),
    (
        502,
        _TLS,
        {
            "wrong_channel": "The message was made for another connection",
            "untrusted_server": "The certificate at the partner's address is not its control plane's",
        },
    ),
    (
        422,
        "issue the control plane another certificate",
        {"unsupported_key": "Our control plane's key is not ECDSA on P-256"},
    ),
    (
        502,
        _AGAIN,
        {
            "challenge_unknown": "The partner's control plane knows no such challenge",
            "challenge_replayed": "The challenge has been answered before",
            "challenge_expired": "The challenge has expired before it was answered",
            "challenge_crossed": "The challenge was made for another organisation",
        },
    ),
    (429, "wait a minute and join again", {"too_many_challenges": "Too many challenges are open"}),
    (
        422,
        _INVITE,
        {
            "bad_token": "The token is damaged: it has to be copied whole",
            "unknown_token": "The partner knows no such invitation, or withdrew it",
            "used_token": "The invitation has been used: it works once",
            "expired_token": "The invitation has expired",
            "tampered_token": "The token is not the one that was issued",
            "bad_proof": "The token's secret is not that of the invitation",
            "wrong_organisation": "The invitation is for another organisation than ours",
        },
    ),
    (
        409,
        _STATE,
        {
            "partner_revoked": "The agreement with the partner was revoked",
            "already_trusted": "The partner is trusted already",
            "unknown_partner": "There is no agreement with the partner",
        },
    ),
    (
        409,
        "`proxenia trust invitations` lists them; withdraw some",
        {"too_many_invitations": "Too many invitations are open"},
    ),
    (
        409,
        _SHORTER,
        {
            "too_many_comparisons": "Too many comparisons of audits at once, or in a minute",
            "too_many_rows": "There are too many rows in that time to compare at once",
        },
    ),
    (
        502,
        _LOG,
        {
            "head_went_back": "The partner's audit log is shorter than it was",
            "head_forked": "The partner's audit log does not continue what we saw of it",
            "bad_head": "The head of the partner's audit log cannot be accepted",
        },
    ),
    (
        422,
        "allow its network with --partner-networks if it is right",
        {"forbidden_address": "An address may not be dialled: it is private, or of this machine"},
    ),
    (
        409,
        "start the control plane with --peering-listen",
        {"no_peering_address": "Partners are told no address"},
    ),
    (
        502,
        _OPERATOR,
        {
            "redirected": "The partner's server answers with a redirect, which is not followed",
            "answer_too_large": "The partner's answer is too large",
            "unexpected_answer": "The partner's server answered what no control plane answers",
            "partner_refused": "The partner's control plane refused",
        },
    ),
    (
        422,
        _BUNDLE,
        {
            "bad_bundle_source": "A bundle cannot be followed so",
            "bad_url": "The address of a bundle cannot be used",
            "not_a_bundle": "What was fetched is no bundle",
            "duplicate_member": "A bundle names a member twice",
            "key_mismatch": "A bundle's key is not that of its certificate",
            "trust_withdrawn": "The partner withdrew all of its anchors: we hold none",
            "sequence_rollback": "A bundle is older than the one that we hold",
            "sequence_reused": "A bundle has the number of the one that we hold, and other anchors",
        },
    ),
    (
        422,
        _CORRECT,
        {"bad_lifetime": "An invitation cannot be good for so long, or so short"},
    ),
    (
        422,
        "correct it where it is given: argument, environment, file or request",
        {"bad_setting": "A setting cannot be used"},
    ),
)


def _all() -> Iterator[tuple[str, _Kind]]:
    for status, hint, titles in _FAMILIES:
        for name, title in titles.items():
            yield name, _Kind(status, title, hint)


FAMILIES: dict[str, _Kind] = dict(_all())
