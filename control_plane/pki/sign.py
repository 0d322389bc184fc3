"""Signing: templates become certificates, and requests give up their public key."""

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from control_plane.model.identity import shown
from control_plane.model.problem import InvalidValueError
from control_plane.pki.strength import check_key
from control_plane.pki.template import PublicKey, Template

MAX_CSR = 16 * 1024  # bytes


def self_signed(template: Template, key: EllipticCurvePrivateKey) -> x509.Certificate:
    """Make a trust anchor; ``key`` is the private half of the template's key."""
    if key.public_key() != template.public_key or template.path_length is None:
        raise InvalidValueError(
            "bad_anchor", "expected an authority's template with the signing key's own public key"
        )
    return _build(template, template.subject, template.public_key, template.not_after).sign(
        key, hashes.SHA256()
    )


def signed(template: Template, issuer: x509.Certificate, key: EllipticCurvePrivateKey) -> x509.Certificate:
    """Let ``issuer`` (whose key is ``key``) sign; nothing outlives its issuer."""
    if key.public_key() != issuer.public_key():
        raise InvalidValueError("wrong_issuer_key", "expected the private key of the issuing certificate")
    end = min(template.not_after, issuer.not_valid_after_utc)
    if end <= template.not_before:
        raise InvalidValueError(
            "issuer_expired",
            f"expected an issuer that is still valid, got one that ended {end:%Y-%m-%d %H:%M} UTC",
        )
    return _build(template, issuer.subject, key.public_key(), end).sign(key, hashes.SHA256())


def public_key_of_request(csr: bytes | str) -> PublicKey:
    """Take the public key out of a PKCS #10 request whose signature proves possession of the private one.

    Nothing else in the request is looked at. Codes: ``not_a_csr``, ``no_proof_of_possession``, ``weak_key``.
    """
    raw = csr.encode("utf-8", "replace") if isinstance(csr, str) else csr
    if len(raw) > MAX_CSR:
        raise InvalidValueError("not_a_csr", f"expected a request of at most {MAX_CSR} bytes, got {len(raw)}")
    try:
        request = x509.load_pem_x509_csr(raw)
        key = request.public_key()
        proven = request.is_signature_valid
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm) as error:
        raise InvalidValueError(
            "not_a_csr", f"expected a certificate request (PKCS #10, PEM): {shown(str(error))}"
        ) from error
    check_key(key, of="a request")
    if not proven:
        raise InvalidValueError(
            "no_proof_of_possession",
            "expected a request signed with the key that it names, got another signature",
        )
    assert isinstance(key, EllipticCurvePublicKey | RSAPublicKey)  # noqa: S101 - check_key refused all others
    return key


def _build(
    template: Template, issuer: x509.Name, issuer_key: PublicKey, not_after: datetime
) -> x509.CertificateBuilder:
    authority = template.path_length is not None
    builder = (
        x509.CertificateBuilder()
        .subject_name(template.subject)
        .issuer_name(issuer)
        .public_key(template.public_key)
        .serial_number(template.serial)
        .not_valid_before(template.not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=template.path_length), critical=True)
        .add_extension(_key_usage(authority=authority), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(template.uri)]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(template.public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )
    if authority:
        return builder
    # Both: a gateway is the server of its ingress and the client of its egress.
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
