"""Which keys and signatures are strong enough: one rule for what we sign, store as an anchor, and verify.

The curves of leaves are those that BoringSSL accepts from a TLS peer by default; P-521 only signs
certificates.
"""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from control_plane.model.problem import InvalidValueError

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192  # beyond it, checking a signature is slow enough to be an attack
MIN_RSA_EXPONENT = 3  # RFC 8017, 3.1
LEAF_CURVES = ("secp256r1", "secp384r1")
CA_CURVES = (*LEAF_CURVES, "secp521r1")
SIGNATURE_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


def check_key(key: object, *, of: str, curves: tuple[str, ...] = LEAF_CURVES) -> None:
    """Raise InvalidValueError ``weak_key`` unless it is RSA of 2048 to 8192 bits or ECDSA on ``curves``."""
    if isinstance(key, rsa.RSAPublicKey):
        good = MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS and key.public_numbers().e >= MIN_RSA_EXPONENT
        got = f"RSA with {key.key_size} bits"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        good = key.curve.name in curves
        got = f"ECDSA on {key.curve.name}"
    else:
        good = False
        got = type(key).__name__.removesuffix("PublicKey")
    if not good:
        raise InvalidValueError(
            "weak_key",
            f"expected {of} with RSA of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits or ECDSA on"
            f" {' or '.join(curves)}, got {got}",
        )


def check_certificate_key(
    certificate: x509.Certificate, *, of: str, curves: tuple[str, ...] = LEAF_CURVES
) -> None:
    """Check the key inside a certificate; one that the library cannot even read is weak too."""
    try:
        key: object = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidValueError(
            "weak_key", f"expected {of} with an RSA or ECDSA key, got another kind"
        ) from error
    check_key(key, of=of, curves=curves)


def check_signature_algorithm(certificate: x509.Certificate, *, of: str) -> None:
    """Raise InvalidValueError ``weak_signature`` unless it was signed over SHA-256, SHA-384 or SHA-512."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if not isinstance(algorithm, SIGNATURE_HASHES):
        got = "another kind" if algorithm is None else algorithm.name
        raise InvalidValueError("weak_signature", f"expected {of} signed over SHA-256, 384 or 512, got {got}")
