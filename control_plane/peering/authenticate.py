"""Who signed a message: its signature, its chain to one organisation's anchors, and its very identity."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from cryptography import x509

from control_plane.model.bundle import Bundle
from control_plane.model.identity import SpiffeId
from control_plane.model.peering import control_plane_id
from control_plane.model.problem import InvalidValueError
from control_plane.peering.jws import Sealed, check_signature
from control_plane.peering.refusal import RefusedError
from control_plane.pki.verify import verify_chain


class ChainVerifier(Protocol):
    """``pki.verify``: the identity that a chain (leaf first) proves; InvalidValueError when it is none."""

    def __call__(self, chain: Sequence[x509.Certificate], bundle: Bundle, *, now: datetime) -> SpiffeId:
        """Verify ``chain`` against the anchors of one trust domain, with its revocation lists, at ``now``."""


def authenticate(
    sealed: Sealed, bundle: Bundle, *, now: datetime, verify: ChainVerifier = verify_chain
) -> None:
    """Raise RefusedError unless the control plane of ``bundle``'s organisation signed ``sealed``.

    Codes: ``untrusted_chain``, ``wrong_identity``, ``bad_signature``, ``wrong_algorithm``.
    """
    try:
        identity = verify(sealed.chain, bundle, now=now)
    except InvalidValueError as error:
        raise RefusedError("untrusted_chain", f"{error.code}: {error.detail}") from error
    if identity != control_plane_id(bundle.organisation):
        raise RefusedError(
            "wrong_identity",
            f"expected {control_plane_id(bundle.organisation)}, got the certificate of {identity}",
        )
    check_signature(sealed)
