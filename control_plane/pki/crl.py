"""Certificate revocation lists of one organisation, and what is done when one is missing or old.

RFC 5280, 5 and 6.3. A list counts only for the issuer that signed it. Delta lists, indirect lists and lists
that cover only a part of the certificates are refused where they enter: half of a
list looks like a whole one.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from control_plane.model.crl import CrlMode, CrlPolicy
from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import extension, serial_hex
from control_plane.pki.refusal import Refusal, RefusedError
from control_plane.pki.strength import SIGNATURE_HASHES

MAX_CRLS = 64  # one for each authority of an organisation
MAX_CRL_TEXT = 8 * 1024 * 1024  # characters: about 100,000 revoked certificates

_BLOCK = re.compile(r"-----BEGIN X509 CRL-----\s[A-Za-z0-9+/=\s]*-----END X509 CRL-----")


def check_crls(pem_text: str) -> tuple[str, ...]:
    """Split PEM text into its revocation lists; InvalidValueError ``bad_crl`` or ``too_many_crls``."""
    blocks = _BLOCK.findall(pem_text) if len(pem_text) <= MAX_CRL_TEXT else []
    if not blocks or len(blocks) != pem_text.count("-----BEGIN"):
        raise InvalidValueError(
            "bad_crl",
            f"expected revocation lists in PEM form, at most {MAX_CRL_TEXT} characters, and nothing else",
        )
    if len(blocks) > MAX_CRLS:
        raise InvalidValueError(
            "too_many_crls", f"expected at most {MAX_CRLS} revocation lists, got {len(blocks)}"
        )
    return tuple(load_crl(block).public_bytes(Encoding.PEM).decode() for block in blocks)


def load_crl(pem: str) -> x509.CertificateRevocationList:
    """Read one whole, direct list; InvalidValueError ``bad_crl`` with the reason otherwise."""
    try:
        crl = x509.load_pem_x509_crl(pem.encode("utf-8", "replace"))
        extensions = list(crl.extensions)
        end = crl.next_update_utc
    except (ValueError, TypeError, x509.DuplicateExtension) as error:
        raise InvalidValueError("bad_crl", f"expected a revocation list: {shown(str(error))}") from error
    if end is None:
        raise InvalidValueError(
            "bad_crl", "expected a revocation list with a time of its next update, got none"
        )
    for found in extensions:
        if found.critical or isinstance(found.value, x509.DeltaCRLIndicator):
            raise InvalidValueError(
                "bad_crl",
                f"expected a whole and direct revocation list, got one with {shown(found.oid.dotted_string)}",
            )
    if not any(isinstance(found.value, x509.CRLNumber) for found in extensions):
        raise InvalidValueError(
            "bad_crl", "expected a revocation list with a number (RFC 5280, 5.2.3), got none"
        )
    return crl


def check_revocation(
    path: Sequence[x509.Certificate],
    crls: Sequence[x509.CertificateRevocationList],
    *,
    now: datetime,
    policy: CrlPolicy,
) -> None:
    """Refuse a path (leaf first, anchor last) of which a certificate is revoked, or may be.

    An organisation that publishes no list at all relies on short lifetimes: nothing is checked then.
    """
    if not crls:
        return
    for certificate, issuer in pairwise(path):
        own = [crl for crl in crls if crl.last_update_utc <= now and speaks_for(crl, issuer)]
        for crl in own:
            if crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                raise RefusedError(
                    Refusal.REVOKED,
                    f"certificate {serial_hex(certificate.serial_number)} was revoked by"
                    f" {shown(issuer.subject.rfc4514_string())}",
                )
        _check_fresh(own, issuer, now, policy)


def _check_fresh(
    own: list[x509.CertificateRevocationList], issuer: x509.Certificate, now: datetime, policy: CrlPolicy
) -> None:
    soft = policy.mode is CrlMode.SOFT
    name = shown(issuer.subject.rfc4514_string())
    ends = [crl.next_update_utc for crl in own if crl.next_update_utc is not None]
    if not ends:
        if soft:
            return
        raise RefusedError(
            Refusal.CRL_MISSING,
            f"expected a revocation list of {name}, got none: an organisation that publishes lists must"
            " do so for every authority that signs",
        )
    if now > max(ends) + (policy.grace if soft else timedelta(0)):
        raise RefusedError(
            Refusal.CRL_EXPIRED,
            f"expected a revocation list of {name} that is in force, got one that ended"
            f" {max(ends):%Y-%m-%d %H:%M} UTC",
        )


def speaks_for(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether ``issuer`` may sign lists and signed this one. It says nothing before it has begun."""
    if crl.issuer != issuer.subject:
        return False
    usage = extension(issuer, x509.KeyUsage)
    # RFC 5280, 6.3.3 (f): the bit is asked for only where there is a key usage.
    if (usage is not None and not usage.crl_sign) or not isinstance(
        crl.signature_hash_algorithm, SIGNATURE_HASHES
    ):
        return False
    key = issuer.public_key()
    # Every other kind of key was refused with the path; this tells mypy.
    return isinstance(key, RSAPublicKey | EllipticCurvePublicKey) and crl.is_signature_valid(key)
