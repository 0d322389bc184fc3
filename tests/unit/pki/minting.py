"""Certificates of any kind, and revocation lists, for tests."""

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from control_plane.trust.minting import (
    ANY,
    CLIENT,
    DAY,
    DNS,
    MAIL,
    SERVER,
    URI,
    Minted,
    Wish,
    authority,
    chain_pem,
    constraints,
    key,
    key_pem,
    leaf,
    mint,
    tampered,
)

__all__ = [
    "ANY",
    "CLIENT",
    "DAY",
    "DNS",
    "MAIL",
    "NOW",
    "SERVER",
    "URI",
    "Minted",
    "Wish",
    "authority",
    "chain_pem",
    "constraints",
    "crl_pem",
    "key",
    "key_pem",
    "leaf",
    "mint",
    "tampered",
]

# The true time, so that a real Envoy, whose clock nobody sets, can be offered the same certificates.
NOW = datetime.now(UTC).replace(microsecond=0)


def crl_pem(
    issuer: Minted, *serials: int, begin: datetime = NOW - DAY, end: datetime = NOW + DAY, number: int = 1
) -> str:
    """A revocation list of ``issuer`` that names ``serials``."""
    builder = (
        x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject).last_update(begin)
    )
    builder = builder.next_update(end).add_extension(x509.CRLNumber(number), critical=False)
    for serial in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(begin).build()
        builder = builder.add_revoked_certificate(revoked)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
