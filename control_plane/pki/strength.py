"""Which keys are strong enough. One rule for what we sign, what we store as an anchor and what we verify.

The curves of leaves are those that BoringSSL accepts from a TLS peer by default; P-521 only signs
certificates.
"""

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from control_plane.model.problem import InvalidValueError

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192  # beyond it, checking a signature is slow enough to be an attack
MIN_RSA_EXPONENT = 3  # RFC 8017 3.1; Envoy refuses even ones too
LEAF_CURVES = ("secp256r1", "secp384r1")
CA_CURVES = (*LEAF_CURVES, "secp521r1")


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
