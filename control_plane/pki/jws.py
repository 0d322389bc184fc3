"""JSON Web Signatures (RFC 7515, compact form) of a control plane: ES256 only, the signer's chain in ``x5c``.

Reading has three parts, and a caller does all of them: ``read`` (is it such a message), ``check_signature``
(is it the leaf's), and the chain's verification against the anchors of the organisation that it claims to be
from; ``signed_by`` does the last two. Every refusal is an InvalidValueError with one of ``CODES``.
"""

import re
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jws
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import ECKey

from control_plane.kit import strict_json
from control_plane.model.bundle import Bundle
from control_plane.model.identity import SpiffeId, shown
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import MAX_CHAIN, load_certificate
from control_plane.pki.verify import verify_chain

ALGORITHM = "ES256"
CODES = ("malformed_message", "message_too_large", "wrong_algorithm", "wrong_type", "bad_signature")
MAX_HEADER = 64 * 1024  # bytes; holds the chain
MAX_MESSAGE = 512 * 1024  # bytes of payload: two bundles of the largest size fit
MAX_TEXT = (MAX_HEADER + MAX_MESSAGE) * 4 // 3 + 256
_FORM = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}\Z")
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256, FIPS 186-5
_HALF = 32  # bytes of each of a signature's two numbers


class _Registry(jws.JWSRegistry):
    """The library's limits are made for tokens in HTTP headers; ours carry chains and bundles."""

    max_header_length = MAX_HEADER * 4 // 3 + 4
    max_payload_length = MAX_MESSAGE * 4 // 3 + 4


_REGISTRY = _Registry(algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message in the right form. Nothing about it is verified yet."""

    text: bytes
    chain: tuple[x509.Certificate, ...]  # leaf first
    payload: bytes


def seal(
    payload: bytes, typ: str, *, key: ec.EllipticCurvePrivateKey, chain: tuple[x509.Certificate, ...]
) -> bytes:
    """Sign ``payload`` as a message of type ``typ``."""
    x5c = [b64encode(certificate.public_bytes(Encoding.DER)).decode() for certificate in chain]
    header = {"alg": ALGORITHM, "typ": typ, "x5c": x5c}
    signed = jws.serialize_compact(header, payload, ECKey.import_key(key), registry=_REGISTRY)
    head, _, signature = signed.rpartition(".")
    return f"{head}.{_text(_low(_bytes(signature)))}".encode()


def read(text: bytes, typ: str) -> Sealed:
    """Take a message apart.

    Codes: ``malformed_message``, ``message_too_large``, ``wrong_algorithm``, ``wrong_type``.
    """
    if len(text) > MAX_TEXT:
        raise InvalidValueError("message_too_large", f"expected at most {MAX_TEXT} bytes, got {len(text)}")
    if not _FORM.match(text):
        raise InvalidValueError(
            "malformed_message", "expected a signed message (JWS, compact form), got something else"
        )
    header_text, payload_text, signature_text = text.decode().split(".")
    header = _header(_bytes(header_text), typ)
    signature = _bytes(signature_text)
    # Each signature has a twin (r, n - s) that is valid too; only the smaller is taken, so a message has one
    # form.
    if _low(signature) != signature:
        raise InvalidValueError(
            "malformed_message", "expected a signature in its canonical form, got its twin"
        )
    return Sealed(text, _chain(header["x5c"]), _bytes(payload_text))


def check_signature(sealed: Sealed) -> None:
    """Raise InvalidValueError ``bad_signature`` or ``wrong_algorithm`` unless the leaf's key signed it."""
    key = sealed.chain[0].public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidValueError(
            "wrong_algorithm", "expected a certificate with an ECDSA key on P-256, got another key"
        )
    try:
        jws.deserialize_compact(sealed.text, ECKey.import_key(key), registry=_REGISTRY)
    except BadSignatureError as error:
        raise InvalidValueError(
            "bad_signature", "expected the signature of the certificate's key, got another"
        ) from error
    except (JoseError, ValueError) as error:
        raise InvalidValueError(
            "malformed_message", f"expected a signed message: {shown(str(error))}"
        ) from error


def signed_by(sealed: Sealed, bundle: Bundle, *, now: datetime) -> SpiffeId:
    """Who of ``bundle``'s organisation signed it; InvalidValueError with a code of pki.refusal or CODES."""
    identity = verify_chain(sealed.chain, bundle, now=now)
    check_signature(sealed)
    return identity


def _header(raw: bytes, typ: str) -> dict[str, object]:
    try:
        header = strict_json.read(raw, most=MAX_HEADER)
    except strict_json.StrictJsonError as error:
        raise InvalidValueError("malformed_message", f"the header: {error}") from error
    # No other member is known, so none can change the meaning (``crit``, ``b64``, ``jku``, ``jwk`` …).
    if not isinstance(header, dict) or set(header) != {"alg", "typ", "x5c"}:
        raise InvalidValueError(
            "malformed_message", "expected a header of alg, typ and x5c, got other members"
        )
    if header["alg"] != ALGORITHM:
        raise InvalidValueError("wrong_algorithm", f"expected {ALGORITHM}, got {shown(header['alg'])}")
    if header["typ"] != typ:
        raise InvalidValueError("wrong_type", f"expected a message of type {typ}, got {shown(header['typ'])}")
    return header


def _chain(x5c: object) -> tuple[x509.Certificate, ...]:
    """The certificates of ``x5c`` (RFC 7515, 4.1.6: base64, not base64url, of DER; leaf first)."""
    if (
        not isinstance(x5c, list)
        or not 1 <= len(x5c) <= MAX_CHAIN
        or not all(isinstance(one, str) for one in x5c)
    ):
        raise InvalidValueError(
            "malformed_message", f"expected 1 to {MAX_CHAIN} certificates in x5c, got something else"
        )
    try:
        return tuple(load_certificate(b64decode(one, validate=True)) for one in x5c)
    except (Base64Error, ValueError) as error:
        raise InvalidValueError("malformed_message", f"x5c: {shown(str(error))}") from error


def _bytes(text: str) -> bytes:
    """Decode base64url without padding; what another text would decode to as well is refused."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError) as error:
        raise InvalidValueError("malformed_message", "expected base64url, got something else") from error
    if _text(raw) != text:
        raise InvalidValueError("malformed_message", "expected base64url in its canonical form, got another")
    return raw


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _low(signature: bytes) -> bytes:
    """The same signature with the smaller of the two possible numbers ``s``."""
    s = int.from_bytes(signature[_HALF:])
    return signature if s <= _ORDER // 2 else signature[:_HALF] + (_ORDER - s).to_bytes(_HALF)
