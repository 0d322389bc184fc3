"""What X509-SVID and our own policy ask of certificates, beside a path: no library takes these steps."""

from collections.abc import Sequence
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import extension
from control_plane.pki.path import USAGES, Purpose
from control_plane.pki.refusal import Refusal, RefusedError
from control_plane.pki.strength import (
    CA_CURVES,
    LEAF_CURVES,
    check_certificate_key,
    check_signature_algorithm,
)

MAX_SERIAL = 1 << 159  # RFC 5280, 4.1.2.2: positive, and at most 20 octets


def check_leaf(leaf: x509.Certificate, purpose: Purpose, *, max_lifetime: timedelta) -> None:
    """Refuse a leaf that is an authority, may not sign, may not be this end, or lives too long."""
    basic = extension(leaf, x509.BasicConstraints)
    usage = extension(leaf, x509.KeyUsage)
    if (basic is not None and basic.ca) or (usage is not None and (usage.key_cert_sign or usage.crl_sign)):
        raise RefusedError(
            Refusal.CA_AS_LEAF, "expected the certificate of a workload, got that of an authority"
        )
    if usage is None or not usage.digital_signature:
        raise RefusedError(
            Refusal.BAD_KEY_USAGE, "expected a leaf with the key usage digital signature, got none"
        )
    usages = extension(leaf, x509.ExtendedKeyUsage)
    if (
        usages is None
        or USAGES[purpose] not in usages
        or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages
    ):
        got = "none" if usages is None else ", ".join(oid.dotted_string for oid in usages)
        raise RefusedError(
            Refusal.BAD_EXTENDED_KEY_USAGE,
            f"expected a leaf with the extended key usage of a {purpose}, {USAGES[purpose].dotted_string},"
            f" got {shown(got)}",
        )
    if leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).critical:
        raise RefusedError(
            Refusal.BAD_EXTENDED_KEY_USAGE,
            "expected an extended key usage that is not critical, as public profiles ask, got a critical one",
        )
    lifetime = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    if lifetime > max_lifetime:
        raise RefusedError(
            Refusal.LIFETIME_TOO_LONG, f"expected a leaf that lives at most {max_lifetime}, got {lifetime}"
        )


def check_authorities(path: Sequence[x509.Certificate]) -> None:
    """Refuse authorities whose key usage does not say so: X509-SVID 4.3; RFC 5280 lets it be absent.

    An anchor is limited by what it is trusted for, not by an extended key usage of its own: one that has it
    is no anchor of a public profile, and libraries disagree on what it means.
    """
    if extension(path[-1], x509.ExtendedKeyUsage) is not None:
        raise RefusedError(
            Refusal.BAD_EXTENDED_KEY_USAGE,
            "expected an anchor without an extended key usage, got one",
        )
    for authority in path[1:]:
        usage = extension(authority, x509.KeyUsage)
        if usage is None or not usage.key_cert_sign:
            raise RefusedError(
                Refusal.BAD_KEY_USAGE,
                f"expected {shown(authority.subject.rfc4514_string())} to have the key usage of an"
                " authority, got none",
            )


def check_strength(path: Sequence[x509.Certificate]) -> None:
    """Refuse weak keys, weak signatures and impossible serial numbers anywhere on the path.

    The anchor's own signature proves nothing and is not looked at.
    """
    try:
        for place, certificate in enumerate(path):
            name = shown(certificate.subject.rfc4514_string())
            check_certificate_key(certificate, of=name, curves=CA_CURVES if place else LEAF_CURVES)
            if place < len(path) - 1:
                check_signature_algorithm(certificate, of=name)
                _check_serial(certificate)
    except RefusedError:
        raise
    except InvalidValueError as error:
        raise RefusedError(Refusal(error.code), error.detail) from error


def _check_serial(certificate: x509.Certificate) -> None:
    if not 0 < certificate.serial_number < MAX_SERIAL:
        raise RefusedError(
            Refusal.BAD_SERIAL,
            f"expected a positive serial number of at most 20 bytes, got {certificate.serial_number:#x}",
        )
