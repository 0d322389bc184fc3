"""What this control plane says of itself, and its signature."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.problem import InvalidValueError
from control_plane.peering import decide, jws, messages
from control_plane.peering.messages import Introduction, Typed
from control_plane.peering.options import Options
from control_plane.pki import spiffe_bundle
from control_plane.pki.certificate import load_certificate, load_chain
from control_plane.pki.words import anchors_digest, fingerprint_words
from control_plane.ports.objects import Objects
from control_plane.ports.peering import Credentials


@dataclass(slots=True, kw_only=True)
class Ourselves:
    """``credentials`` gives the present ones at every call (they are renewed), ``bundle`` our anchors."""

    options: Options
    objects: Objects
    credentials: Callable[[], Credentials]
    bundle: Callable[[], Bundle]
    now: Callable[[], datetime]
    _signer: tuple[Credentials, ec.EllipticCurvePrivateKey, tuple[x509.Certificate, ...]] | None = field(
        default=None, repr=False
    )

    def seal(self, message: Typed) -> bytes:
        """Sign a message as our control plane."""
        credentials = self.credentials()
        if self._signer is None or self._signer[0] != credentials:
            self._signer = credentials, _signing_key(credentials), load_chain(credentials.chain)
        _, key, chain = self._signer
        return jws.seal(messages.write(message), message.TYP, key=key, chain=chain)

    def document(self) -> bytes:
        """Our bundle, as partners fetch it."""
        return spiffe_bundle.encode(self.bundle(), refresh_hint=self.options.refresh_hint)

    def words(self) -> str:
        """The fingerprint of our anchors in words."""
        return words_of(self.bundle())

    async def introduction(self) -> Introduction:
        """Our bundle, our addresses and our gateways."""
        stored = await self.objects.page(Kind.GATEWAY, limit=decide.MAX_NODES)
        gateways = tuple(one.value for one in stored if isinstance(one.value, Gateway))
        nodes = decide.announced(gateways, self.options.advertised)
        return Introduction(self.document().decode(), self.options.addresses, nodes)

    def require_addresses(self) -> None:
        """Raise InvalidValueError ``no_peering_address`` when partners could not reach us."""
        if not self.options.addresses:
            raise InvalidValueError(
                "no_peering_address",
                "expected an address where partners reach this control plane, got none:"
                " set peering_listen and peering_address",
            )


def words_of(bundle: Bundle) -> str:
    """The fingerprint of a bundle's anchors in words, for two people to compare."""
    return fingerprint_words(anchors_digest(load_certificate(anchor) for anchor in bundle.anchors))


def _signing_key(credentials: Credentials) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(credentials.key, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidValueError(
            "unsupported_key",
            "expected the control plane's key to be ECDSA on P-256, got another: issue a new one",
        )
    return key
