"""Why a certificate chain is not believed: every refusal has one of these codes, and one sentence."""

from collections.abc import Mapping
from enum import StrEnum

from control_plane.model.problem import InvalidValueError


class Refusal(StrEnum):
    """Stable codes: they are shown to operators, counted, and written to the audit."""

    NOT_A_CERTIFICATE = "not_a_certificate"  # it cannot be read
    CHAIN_TOO_LONG = "chain_too_long"  # more certificates, or more intermediates, than we look at
    NO_IDENTITY = "no_identity"  # no URI SAN
    SEVERAL_IDENTITIES = "several_identities"  # more than one URI SAN
    BAD_IDENTITY = "bad_identity"  # the URI SAN is not a SPIFFE id with a path
    UNKNOWN_TRUST_DOMAIN = "unknown_trust_domain"  # we hold no bundle of it
    TRUST_WITHDRAWN = "trust_withdrawn"  # we hold an empty bundle of it
    CA_AS_LEAF = "ca_as_leaf"  # an authority's certificate may not be anybody's identity
    BAD_SERIAL = "bad_serial"  # zero or negative
    BAD_KEY_USAGE = "bad_key_usage"  # a leaf that may not sign, an authority that may not certify
    BAD_EXTENDED_KEY_USAGE = "bad_extended_key_usage"  # not for this end of a connection
    LIFETIME_TOO_LONG = "lifetime_too_long"  # longer than our policy allows
    EXPIRED = "expired"  # a presented certificate has ended
    NOT_YET_VALID = "not_yet_valid"  # a presented certificate has not begun
    ANCHOR_EXPIRED = "anchor_expired"  # the organisation's own trust anchor has ended
    UNKNOWN_ISSUER = "unknown_issuer"  # the chain leads to no anchor of its trust domain
    BAD_SIGNATURE = "bad_signature"  # the issuer that it names did not sign it
    ISSUER_NOT_A_CA = "issuer_not_a_ca"  # signed by a certificate that is no authority
    PATH_TOO_LONG = "path_too_long"  # more authorities than one of them allows below itself
    NAME_NOT_PERMITTED = "name_not_permitted"  # an authority is not allowed to give this name
    FOREIGN_AUTHORITY = "foreign_authority"  # an authority on the path belongs to another trust domain
    WEAK_KEY = "weak_key"  # a key shorter than RSA of 2048 bits or ECDSA on P-256
    WEAK_SIGNATURE = "weak_signature"  # signed over another hash than SHA-256, 384 or 512
    BROKEN_PATH = "broken_path"  # any other reason of the library's
    REVOKED = "revoked"  # on its issuer's list
    CRL_MISSING = "crl_missing"  # its issuer has no usable list, while others of the organisation have
    CRL_EXPIRED = "crl_expired"  # its issuer's list is older than our policy allows


_REISSUE = "its organisation has to issue a certificate as docs/howto/own-ca.md describes it"
_ANCHORS = "compare the anchors that we hold with its organisation's: `proxenia bundle sources`"
_AUTHORITY = "its organisation has to correct its authority"
_RENEW = "its gateway has to renew it; look at its clock, and at ours"
_LISTS = "ask its organisation for its newest list, then `proxenia bundle crl set`"

# The next step of whoever meets the refusal.
NEXT_STEPS: Mapping[Refusal, str] = {
    **dict.fromkeys(Refusal, _REISSUE),
    Refusal.UNKNOWN_TRUST_DOMAIN: "make an agreement with it: `proxenia invite`, or `proxenia agreement set`",
    Refusal.TRUST_WITHDRAWN: "ask its operator for its new anchors",
    Refusal.EXPIRED: _RENEW,
    Refusal.NOT_YET_VALID: _RENEW,
    Refusal.ANCHOR_EXPIRED: "its organisation has to change its anchors",
    Refusal.UNKNOWN_ISSUER: _ANCHORS,
    Refusal.BAD_SIGNATURE: _ANCHORS,
    **dict.fromkeys(
        (
            *(Refusal.ISSUER_NOT_A_CA, Refusal.PATH_TOO_LONG, Refusal.NAME_NOT_PERMITTED),
            *(Refusal.FOREIGN_AUTHORITY, Refusal.BROKEN_PATH, Refusal.CHAIN_TOO_LONG),
        ),
        _AUTHORITY,
    ),
    Refusal.REVOKED: "its gateway needs a new certificate, if it still is what it says",
    Refusal.CRL_MISSING: _LISTS,
    Refusal.CRL_EXPIRED: _LISTS,
}


class RefusedError(InvalidValueError):
    """The chain proves nothing; ``code`` is a Refusal, ``detail`` one sentence for people."""

    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(code, detail)
