"""When certificates and revocation lists end (pure)."""

from cryptography import x509

from control_plane.model.expiry import Dated, DatedKind
from control_plane.pki.certificate import fingerprint

_SHOWN = 16  # characters of a fingerprint


def dated(certificate: x509.Certificate, kind: DatedKind, organisation: str, *, subject: str = "") -> Dated:
    """A certificate's dates; without ``subject`` it is named by its fingerprint."""
    return Dated(
        subject=subject or f"{kind} {fingerprint(certificate)[:_SHOWN]}",
        kind=kind,
        organisation=organisation,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
