"""What our certificates say, before anybody signs them. Names come from our own record, never from a request.

X509-SVID: exactly one URI SAN; leaves sign and never certify; authorities certify and carry their
trust domain without a path.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes
from cryptography.x509.oid import NameOID

from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import serial_hex

BACK_DATE = timedelta(minutes=5)  # for partners whose clocks are behind ours
SERIAL_BITS = 128
MIN_SERIAL_BITS = 64  # fewer can only come from a source that is not random
PublicKey = CertificateIssuerPublicKeyTypes
_OWNER = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Proxenia")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A certificate that lacks only its issuer. ``path_length`` None makes a leaf, a number an authority."""

    subject: x509.Name
    uri: str
    public_key: PublicKey
    serial: int
    not_before: datetime
    not_after: datetime
    path_length: int | None

    def __post_init__(self) -> None:
        if not MIN_SERIAL_BITS <= self.serial.bit_length() <= SERIAL_BITS:
            raise InvalidValueError(
                "bad_serial",
                f"expected a random serial number of {SERIAL_BITS} bits, got {self.serial.bit_length()} bits",
            )
        if self.not_after <= self.not_before:
            raise InvalidValueError(
                "bad_lifetime",
                f"expected an end after {self.not_before:%Y-%m-%d %H:%M:%S}, got {self.not_after}",
            )


def root(
    trust_domain: TrustDomain, public_key: PublicKey, *, serial: int, now: datetime, lifetime: timedelta
) -> Template:
    """Make the trust anchor of ``trust_domain``: below it stands one level of intermediates."""
    return Template(
        subject=_subject("root", serial),
        uri=f"spiffe://{trust_domain}",
        public_key=public_key,
        serial=serial,
        not_before=now - BACK_DATE,
        not_after=now + lifetime,
        path_length=1,
    )


def intermediate(
    trust_domain: TrustDomain, public_key: PublicKey, *, serial: int, now: datetime, lifetime: timedelta
) -> Template:
    """Make an authority that signs leaves only."""
    return Template(
        subject=_subject("issuing", serial),
        uri=f"spiffe://{trust_domain}",
        public_key=public_key,
        serial=serial,
        not_before=now - BACK_DATE,
        not_after=now + lifetime,
        path_length=0,
    )


def leaf(
    spiffe_id: SpiffeId, public_key: PublicKey, *, serial: int, now: datetime, lifetime: timedelta
) -> Template:
    """Make the certificate of one workload: its identity is the only name that means anything in it."""
    return Template(
        subject=x509.Name([_OWNER]),
        uri=spiffe_id,
        public_key=public_key,
        serial=serial,
        not_before=now - BACK_DATE,
        not_after=now + lifetime,
        path_length=None,
    )


def _subject(role: str, serial: int) -> x509.Name:
    """Name an authority; its serial number keeps two of them apart, since paths are built by subject."""
    return x509.Name([_OWNER, x509.NameAttribute(NameOID.COMMON_NAME, f"{role} {serial_hex(serial)[:16]}")])
