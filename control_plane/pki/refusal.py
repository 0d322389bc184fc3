"""Why a certificate chain is not believed: every refusal has one of these codes, and one sentence."""

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
    WEAK_KEY = "weak_key"
    WEAK_SIGNATURE = "weak_signature"
    BROKEN_PATH = "broken_path"  # any other reason of the library's
    REVOKED = "revoked"
    CRL_MISSING = "crl_missing"  # its issuer has no usable list, while others of the organisation have
    CRL_EXPIRED = "crl_expired"  # its issuer's list is older than our policy allows


class RefusedError(InvalidValueError):
    """The chain proves nothing; ``code`` is a Refusal, ``detail`` one sentence for people."""

    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(code, detail)
