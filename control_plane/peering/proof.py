"""The proof that somebody holds a token's secret, which is never sent, nor stored by who issued the token.

The secret gives an ECDSA key. The inviter stores a hash of its public half; the joiner signs the transcript
with it. A keyed hash would need the secret, or something just as good, on the inviter's side: who reads a
backup could join.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import sha256
from hmac import compare_digest

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from control_plane.peering.refusal import RefusedError

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256, FIPS 186-5
_DOMAIN = b"proxenia invitation key 1"
MAX_PROOF = 128  # characters


def key_of(secret: bytes) -> ec.EllipticCurvePrivateKey:
    """The key that a secret stands for; 64 bits more than the order make it uniform (FIPS 186-5, A.2.1)."""
    material = HKDF(hashes.SHA256(), length=40, salt=None, info=_DOMAIN).derive(secret)
    return ec.derive_private_key(int.from_bytes(material) % (_ORDER - 1) + 1, ec.SECP256R1())


def verifier(secret: bytes) -> str:
    """What the inviter stores: SHA-256 of the public half, in hex."""
    return _hash(_point(key_of(secret).public_key()))


def prove(secret: bytes, transcript: bytes) -> tuple[str, str]:
    """The public half and the signature of ``transcript``, both base64url."""
    key = key_of(secret)
    signature = key.sign(transcript, ec.ECDSA(hashes.SHA256()))
    return _text(_point(key.public_key())), _text(signature)


def check(stored: str, public: str, signature: str, *, transcript: bytes) -> None:
    """Raise RefusedError ``bad_proof`` unless the secret behind ``stored`` signed ``transcript``."""
    if len(public) > MAX_PROOF or len(signature) > MAX_PROOF:
        raise RefusedError("bad_proof", f"expected at most {MAX_PROOF} characters of proof, got more")
    try:
        point = _bytes(public)
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        key.verify(_bytes(signature), transcript, ec.ECDSA(hashes.SHA256()))
    except (Base64Error, ValueError, InvalidSignature) as error:
        raise RefusedError(
            "bad_proof", "expected the transcript signed with the token's secret, got another"
        ) from error
    if not compare_digest(_hash(_point(key)), stored):
        raise RefusedError("bad_proof", "expected the secret of this invitation's token, got another")


def _bytes(text: str) -> bytes:
    """Decode base64url; ValueError for what is not the one text of its bytes."""
    raw = urlsafe_b64decode(text)
    if _text(raw) != text:
        raise ValueError("expected base64url in its canonical form, got another")
    return raw


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode()


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def _hash(point: bytes) -> str:
    return sha256(_DOMAIN + b"\0" + point).hexdigest()
