"""Signatures of the log: what our control plane signs, and whose signature counts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from control_plane.chain.head import TYP, TreeHead, read
from control_plane.model.bundle import Bundle
from control_plane.model.peering import control_plane_id
from control_plane.model.problem import InvalidValueError
from control_plane.pki import jws
from control_plane.pki.certificate import load_chain
from control_plane.ports.peering import Credentials

_log = structlog.get_logger(__name__)
_SHA256 = hashes.SHA256()
_MAX_KNOWN = 64  # signers whose chain need not be verified again and again


@dataclass(slots=True, kw_only=True)
class Signer:
    """Signs as our control plane; ``credentials`` gives the present ones (they are renewed)."""

    credentials: Callable[[], Credentials]
    _signer: tuple[Credentials, ec.EllipticCurvePrivateKey, tuple[x509.Certificate, ...]] | None = field(
        default=None, repr=False
    )

    def __call__(self, payload: bytes, typ: str) -> bytes:
        """The payload as a signed message of this type."""
        credentials = self.credentials()
        if self._signer is None or self._signer[0] != credentials:
            key = load_pem_private_key(credentials.key, password=None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise InvalidValueError("bad_key", "expected an ECDSA key for the control plane, got another")
            self._signer = credentials, key, load_chain(credentials.chain)
        return jws.seal(payload, typ, key=self._signer[1], chain=self._signer[2])

    def or_nothing(self, payload: bytes, typ: str) -> bytes:
        """The same, and nothing where our certificate has a key that cannot sign so: rows come first.

        Such rows are stored, and stay outside of the log, which verification says.
        """
        try:
            return self(payload, typ)
        except InvalidValueError as error:
            _log.error("audit_not_signed", code=error.code, reason=error.detail)
            return b""


@dataclass(slots=True, kw_only=True)
class Judge:
    """Whether a signature is our own control plane's; ``bundle`` gives our present anchors."""

    bundle: Callable[[], Bundle]
    now: Callable[[], datetime]
    _known: dict[bytes, None] = field(default_factory=dict, repr=False)

    def payload(self, signed: bytes, typ: str) -> bytes:
        """What was signed; InvalidValueError unless one of our control planes signed it, now or before."""
        sealed = jws.read(signed, typ)
        leaf = sealed.chain[0]
        name = leaf.fingerprint(_SHA256)
        if name in self._known:
            jws.check_signature(sealed)
            return sealed.payload
        bundle = self.bundle()
        # A signature stays one when its certificate has ended: it is judged as of the time it could be made.
        moment = min(self.now(), leaf.not_valid_after_utc)
        identity = jws.signed_by(sealed, bundle, now=moment)
        if identity != control_plane_id(bundle.organisation):
            raise InvalidValueError(
                "wrong_identity", f"expected {control_plane_id(bundle.organisation)}, got {identity}"
            )
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[name] = None
        return sealed.payload

    def head(self, signed: bytes) -> TreeHead:
        """A head that our control plane signed; InvalidValueError for any other."""
        return read(self.payload(signed, TYP))


def claimed(signed: bytes) -> TreeHead:
    """A head whose signature fits the certificate in it, whoever that is. InvalidValueError if not."""
    sealed = jws.read(signed, TYP)
    jws.check_signature(sealed)
    return read(sealed.payload)
