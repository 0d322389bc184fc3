"""What a certificate says, read into values that people, the API and the audit can show."""

from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from control_plane.model.identity import SpiffeId, shown
from control_plane.model.problem import InvalidValueError

MAX_CERTIFICATE = 64 * 1024  # bytes of one certificate, PEM or DER
MAX_CHAIN = 8  # certificates that a peer may present
Kind = TypeVar("Kind", bound=x509.ExtensionType)
_PEM_BEGIN = b"-----BEGIN "

_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
_EXTENDED_USAGES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "server_auth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "client_auth",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateInfo:
    """A certificate for people. Serial number and fingerprint are lower-case hex, as Envoy writes them."""

    subject: str
    issuer: str
    serial_number: str
    not_before: datetime
    not_after: datetime
    fingerprint_sha256: str
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    spiffe_id: SpiffeId | None  # None unless there is exactly one URI SAN, and it is a SPIFFE id with a path


def load_certificate(data: bytes | str) -> x509.Certificate:
    """Read one certificate, PEM or DER; InvalidValueError ``not_a_certificate`` with the reason otherwise."""
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    if len(raw) > MAX_CERTIFICATE:
        raise InvalidValueError(
            "not_a_certificate", f"expected a certificate of at most {MAX_CERTIFICATE} bytes, got {len(raw)}"
        )
    try:
        pem = _PEM_BEGIN in raw
        certificate = x509.load_pem_x509_certificate(raw) if pem else x509.load_der_x509_certificate(raw)
        # Read here, so that a certificate that cannot be understood is refused where it enters.
        _ = certificate.extensions, certificate.subject, certificate.issuer
    except (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise InvalidValueError(
            "not_a_certificate", f"expected an X.509 certificate: {shown(str(error))}"
        ) from error
    return certificate


def load_chain(pem: bytes | str) -> tuple[x509.Certificate, ...]:
    """Read a PEM chain, leaf first; ``not_a_certificate`` or ``chain_too_long`` otherwise."""
    raw = pem.encode("utf-8", "replace") if isinstance(pem, str) else pem
    blocks = raw.split(_PEM_BEGIN)[1:]
    if not blocks:
        raise InvalidValueError("not_a_certificate", "expected a chain of PEM certificates, got none")
    if len(blocks) > MAX_CHAIN:
        raise InvalidValueError(
            "chain_too_long", f"expected at most {MAX_CHAIN} certificates in a chain, got {len(blocks)}"
        )
    return tuple(load_certificate(_PEM_BEGIN + block) for block in blocks)


def to_pem(certificates: Iterable[x509.Certificate]) -> str:
    """The certificates as PEM text, in their order."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, lower-case hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def pem_fingerprint(pem: str) -> str:
    """The same of a certificate that is known to be one, without reading what it says."""
    lines = (line for line in pem.splitlines() if not line.startswith("-----"))
    try:
        return sha256(b64decode("".join(lines))).hexdigest()
    except ValueError as error:
        raise InvalidValueError("not_a_certificate", "expected a PEM certificate, got no base64") from error


def serial_hex(serial: int) -> str:
    """A serial number as Envoy's access log writes it: lower-case hex, two digits a byte."""
    text = f"{serial:x}"
    return text if len(text) % 2 == 0 else f"0{text}"


def extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind | None:
    """The extension of this kind, or None."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def uri_names(certificate: x509.Certificate) -> list[str]:
    """The URI SANs, in their order; empty when there are none."""
    names = extension(certificate, x509.SubjectAlternativeName)
    return [] if names is None else names.get_values_for_type(x509.UniformResourceIdentifier)


def describe(certificate: x509.Certificate) -> CertificateInfo:
    """Everything that is shown of a certificate."""
    return CertificateInfo(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial_number=serial_hex(certificate.serial_number),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint_sha256=fingerprint(certificate),
        key_usage=_key_usage(certificate),
        extended_key_usage=_extended_key_usage(certificate),
        spiffe_id=_spiffe_id(certificate),
    )


def certificate_info(data: bytes | str) -> CertificateInfo:
    """Read one certificate (PEM or DER) and describe it."""
    return describe(load_certificate(data))


def _key_usage(certificate: x509.Certificate) -> tuple[str, ...]:
    usage = extension(certificate, x509.KeyUsage)
    return () if usage is None else tuple(name for name in _KEY_USAGES if getattr(usage, name))


def _extended_key_usage(certificate: x509.Certificate) -> tuple[str, ...]:
    usages = extension(certificate, x509.ExtendedKeyUsage)
    return tuple(_EXTENDED_USAGES.get(oid, oid.dotted_string) for oid in usages or ())


def _spiffe_id(certificate: x509.Certificate) -> SpiffeId | None:
    names = uri_names(certificate)
    try:
        return SpiffeId(names[0]) if len(names) == 1 else None
    except InvalidValueError:
        return None  # shown as "no identity"; verification says why
