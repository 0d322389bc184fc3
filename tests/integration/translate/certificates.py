"""Certificates for the tests: a CA of one organisation, and leaves with any names."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from control_plane.model.identity import TrustDomain

_SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type's name


@dataclass(frozen=True)
class Leaf:
    """PEM of a certificate and of its key."""

    certificate: str
    key: str

    def write(self, directory: Path) -> None:
        """As the agent does: an SDS file that Envoy watches."""
        directory.mkdir(parents=True)
        pair = {
            "certificate_chain": {"inline_string": self.certificate},
            "private_key": {"inline_string": self.key},
        }
        secret = {"@type": _SECRET, "name": "own", "tls_certificate": pair}
        (directory / "own.json").write_text(json.dumps({"resources": [secret]}))


class Authority:
    """One organisation's CA."""

    def __init__(self, name: str) -> None:
        self.trust_domain = TrustDomain(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._builder(self._name, self._key.public_key()).add_extension(basic, critical=True)
        signed = certificate.add_extension(_usage(ca=True), critical=True).sign(self._key, hashes.SHA256())
        self.anchor = signed.public_bytes(Encoding.PEM).decode()

    def leaf(self, *uris: str) -> Leaf:
        """A certificate for client and server with these URI names."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        certificate = (
            self._builder(x509.Name([]), key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(_usage(ca=False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return Leaf(certificate.public_bytes(Encoding.PEM).decode(), private)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
        )


def _usage(*, ca: bool) -> x509.KeyUsage:
    """Required by X509-SVID, 4.3: Envoy's SPIFFE validator refuses a leaf without it."""
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
