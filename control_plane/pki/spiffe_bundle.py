"""Bundles in the SPIFFE trust domain bundle format: a JWK set in which only ``x509-svid`` keys matter to us.

Source: SPIFFE Trust Domain and Bundle, section 4; RFC 7517 for the members. A document is taken as a whole or
refused as a whole: an authority that cannot be read must not make a bundle smaller in silence.
"""

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from control_plane.kit import strict_json
from control_plane.model.bundle import Bundle
from control_plane.model.identity import TrustDomain, shown
from control_plane.model.problem import InvalidValueError
from control_plane.pki.bundle import check_anchors
from control_plane.pki.certificate import load_certificate, to_pem

MAX_DOCUMENT = 1 << 20  # bytes
MAX_KEYS = 256  # authorities of every use; of those for certificates pki.bundle has its own limit
MAX_SEQUENCE = 2**63 - 1
MAX_HINT = 10 * 365 * 86_400  # seconds; a greater one means nothing
USE = "x509-svid"
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518, 6.2.2, 6.3.2, 6.4.1
_CURVES = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48), "secp521r1": ("P-521", 66)}


@dataclass(frozen=True, slots=True)
class Document:
    """What a bundle endpoint says. ``refresh_hint`` is in seconds, None when it gives none."""

    bundle: Bundle
    refresh_hint: int | None


def encode(bundle: Bundle, *, refresh_hint: int) -> bytes:
    """The document that partners fetch; equal bundles give equal bytes."""
    keys = [_key(load_certificate(anchor)) for anchor in bundle.anchors]
    document = {"keys": keys, "spiffe_sequence": bundle.sequence, "spiffe_refresh_hint": refresh_hint}
    return json.dumps(document, separators=(",", ":")).encode()


def parse(data: bytes, organisation: TrustDomain) -> Document:
    """Read a bundle of ``organisation``. No certificate authority in it means: trust is withdrawn.

    InvalidValueError codes: ``not_a_bundle``, ``duplicate_member``, ``bad_sequence``, ``key_mismatch``, and
    those of ``pki.bundle.check_anchors``.
    """
    try:
        document = strict_json.read(data, most=MAX_DOCUMENT)
    except strict_json.DuplicateMemberError as error:
        raise InvalidValueError("duplicate_member", str(error)) from error
    except strict_json.StrictJsonError as error:
        raise InvalidValueError("not_a_bundle", f"expected a SPIFFE bundle (a JWK set): {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise InvalidValueError("not_a_bundle", "expected a SPIFFE bundle: a JSON object with a list of keys")
    keys = document["keys"]
    if len(keys) > MAX_KEYS or not all(isinstance(key, dict) for key in keys):
        raise InvalidValueError("not_a_bundle", f"expected at most {MAX_KEYS} keys, each a JSON object")
    authorities = [_authority(key) for key in keys if _for_certificates(key)]
    anchors = check_anchors(to_pem(authorities), organisation) if authorities else ()
    # Without a sequence a withdrawn authority could be brought back by an old answer; the format only asks
    # for it.
    sequence = _number(document, "spiffe_sequence", MAX_SEQUENCE)
    if sequence is None:
        raise InvalidValueError("bad_sequence", "expected spiffe_sequence in the bundle, got none")
    hint = _number(document, "spiffe_refresh_hint", MAX_HINT)
    return Document(Bundle(organisation, anchors, sequence=sequence), hint)


def _for_certificates(key: dict[str, object]) -> bool:
    """Whether it is an authority for X.509-SVIDs (4.2.2: one without a known ``use`` is ignored)."""
    if _PRIVATE & key.keys():
        raise InvalidValueError(
            "private_key_in_bundle",
            "expected public keys only, got a private one: consider that key as disclosed, and replace it",
        )
    return key.get("use") == USE


def _authority(key: dict[str, object]) -> x509.Certificate:
    """The certificate of a key (SPIFFE X.509-SVID, 6.2: exactly one in ``x5c``), which is the key's own."""
    chain = key.get("x5c")
    if not isinstance(chain, list) or len(chain) != 1 or not isinstance(chain[0], str):
        raise InvalidValueError("not_a_bundle", "expected exactly one certificate in each x5c")
    try:
        certificate = load_certificate(b64decode(chain[0], validate=True))
    except (Base64Error, ValueError) as error:
        raise InvalidValueError("not_a_certificate", f"x5c: {shown(str(error))}") from error
    own = _public(certificate)
    given = {name: key.get(name) for name in own}
    # RFC 7517, 4.7: the members of the key and its certificate must agree; those not given say nothing.
    if key.get("kty") != own["kty"] or any(given[name] not in {None, own[name]} for name in own):
        raise InvalidValueError("key_mismatch", "expected the key of the certificate in x5c, got another")
    return certificate


def _number(document: dict[str, object], name: str, most: int) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise InvalidValueError("bad_sequence", f"expected {name} from 0 to {most}, got {shown(value)}")
    return value


def _key(certificate: x509.Certificate) -> dict[str, object]:
    der = b64encode(certificate.public_bytes(Encoding.DER)).decode()
    return {**_public(certificate), "use": USE, "x5c": [der]}


def _public(certificate: x509.Certificate) -> dict[str, str]:
    """The public key as JWK members (RFC 7518, 6.2.1 and 6.3.1); those of an unknown kind say so."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _integer(numbers.n), "e": _integer(numbers.e)}
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        name, size = _CURVES[key.curve.name]
        point = key.public_numbers()
        return {
            "kty": "EC",
            "crv": name,
            "x": _text(point.x.to_bytes(size)),
            "y": _text(point.y.to_bytes(size)),
        }
    raise InvalidValueError("weak_key", "expected a CA with an RSA key or ECDSA on P-256, P-384 or P-521")


def _integer(number: int) -> str:
    return _text(number.to_bytes((number.bit_length() + 7) // 8))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
