"""Certificates of any kind, also of kinds that nobody should issue.

For trying whether they are refused: by ``proxenia check --trust``, and by tests. Nothing that is trusted by
anybody is signed with these keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes as PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

DAY = timedelta(days=1)

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE

URI, DNS, MAIL = 0x86, 0x82, 0x81  # tags of GeneralName
_serials = count(1 << 100)
_CURVES: dict[str, ec.EllipticCurve] = {
    "P-192": ec.SECP192R1(),
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}


def _from_now(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + days * DAY


@cache
def key(kind: str = "P-256", owner: str = "") -> PrivateKey:
    """One key for each kind and owner: RSA keys are slow to make, and every test may share them."""
    del owner
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "DSA":
        return dsa.generate_private_key(1024)  # noqa: S505 - weak on purpose
    return rsa.generate_private_key(65537, int(kind.removeprefix("RSA-")))


def forget_keys() -> None:
    """Let go of all keys, so that the next ones are others."""
    key.cache_clear()


def key_pem(private: PrivateKey) -> str:
    """PKCS #8, PEM."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a certificate shall say; the defaults are those of a good leaf without names."""

    subject: str | None = "workload"  # None: an empty subject
    names: tuple[tuple[int, bytes], ...] = ()  # SANs as (tag, content)
    names_critical: bool = False
    key: str = "P-256"
    owner: str = "leaf"
    ca: bool | None = False  # None: no basic constraints
    path_length: int | None = None
    usages: tuple[str, ...] | None = ("digital_signature",)  # None: no key usage
    extended: tuple[x509.ObjectIdentifier, ...] | None = (SERVER, CLIENT)
    begin: datetime = field(default_factory=lambda: _from_now(-1))
    end: datetime = field(default_factory=lambda: _from_now(1))
    constraints: x509.NameConstraints | None = None
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    hash: hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | hashes.SHA224 = field(default_factory=hashes.SHA256)
    serial: int | None = None


@dataclass(frozen=True, slots=True)
class Minted:
    """A certificate with its key; ``sign`` lets it issue others, authority or not."""

    certificate: x509.Certificate
    key: PrivateKey

    def sign(self, wish: Wish) -> "Minted":
        """Issue what is wished for."""
        return mint(wish, issuer=self)


def leaf(*uris: str | bytes, **changes: object) -> Wish:
    """A good leaf with these URI SANs, changed as said."""
    names = tuple((URI, uri.encode() if isinstance(uri, str) else uri) for uri in uris)
    return replace(Wish(names=names), **changes)  # type: ignore[arg-type]  # the cases check what they change


def authority(subject: str, *uris: str, **changes: object) -> Wish:
    """A good authority, changed as said; its key is its subject's own."""
    wish = Wish(
        subject=subject,
        names=tuple((URI, uri.encode()) for uri in uris),
        owner=subject,
        ca=True,
        usages=("key_cert_sign", "crl_sign"),
        extended=None,
        begin=_from_now(-10),
        end=_from_now(100),
    )
    return replace(wish, **changes)  # type: ignore[arg-type]  # changes are checked by the cases themselves


def mint(wish: Wish, issuer: Minted | None = None) -> Minted:
    """Issue a certificate; without an issuer, self-signed."""
    own = key(wish.key, wish.owner)
    signer = issuer.key if issuer else own
    subject = x509.Name(
        [] if wish.subject is None else [x509.NameAttribute(NameOID.COMMON_NAME, wish.subject)]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(next(_serials) if wish.serial is None else wish.serial)
        .not_valid_before(wish.begin)
        .not_valid_after(wish.end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    for extension, critical in (*_extensions(wish), *wish.more):
        builder = builder.add_extension(extension, critical=critical)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else wish.hash
    return Minted(builder.sign(signer, algorithm), own)


def chain_pem(*certificates: Minted) -> str:
    """PEM, in this order."""
    return "".join(minted.certificate.public_bytes(Encoding.PEM).decode() for minted in certificates)


def tampered(minted: Minted) -> Minted:
    """The same certificate with one bit of its signature turned over."""
    der = bytearray(minted.certificate.public_bytes(Encoding.DER))
    der[-1] ^= 1
    return Minted(x509.load_der_x509_certificate(bytes(der)), minted.key)


def constraints(
    *, permitted: Sequence[x509.GeneralName] = (), excluded: Sequence[x509.GeneralName] = ()
) -> x509.NameConstraints:
    """Name constraints."""
    return x509.NameConstraints(list(permitted) or None, list(excluded) or None)


def _extensions(wish: Wish) -> list[tuple[x509.ExtensionType, bool]]:
    made: list[tuple[x509.ExtensionType, bool]] = []
    if wish.ca is not None:
        made.append((x509.BasicConstraints(ca=wish.ca, path_length=wish.path_length), True))
    if wish.usages is not None:
        made.append((_key_usage(wish.usages), True))
    if wish.extended is not None:
        made.append((x509.ExtendedKeyUsage(wish.extended), False))
    if wish.names:
        made.append((_alternative_names(wish.names), wish.names_critical))
    if wish.constraints is not None:
        made.append((wish.constraints, True))
    return made


def _key_usage(usages: tuple[str, ...]) -> x509.KeyUsage:
    bits = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**(bits | dict.fromkeys(usages, True)))


def _alternative_names(names: tuple[tuple[int, bytes], ...]) -> x509.UnrecognizedExtension:
    """Encode the extension by hand: the library would refuse the names that we want to try."""
    content = b"".join(bytes([tag]) + _length(len(value)) + value for tag, value in names)
    return x509.UnrecognizedExtension(
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30" + _length(len(content)) + content
    )


def _length(size: int) -> bytes:
    """DER, X.690 8.1.3: one byte, or two behind how many there are."""
    return bytes([size]) if size < 1 << 7 else b"\x82" + size.to_bytes(2)
