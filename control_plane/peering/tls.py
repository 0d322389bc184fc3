"""TLS 1.3 between control planes: a server presents its identity, a client takes exactly one.

A client checks the server's identity inside the handshake: no byte of a request leaves before that, whatever
the code around it does. Callers prove who they are by signed messages, so the server asks for no client
certificate.
"""

import os
import ssl
from collections.abc import Callable, Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.serialization import Encoding

from control_plane.model.identity import SpiffeId
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import load_certificate, load_chain
from control_plane.pki.path import Purpose
from control_plane.pki.profile import check_leaf, check_strength
from control_plane.pki.spiffe import identity_of
from control_plane.pki.verify import MAX_LIFETIME
from control_plane.ports.peering import Credentials


def channel_of(leaf: bytes) -> str:
    """What binds a message to a connection: SHA-256 of the server's certificate (DER), in hex.

    As tls-server-end-point (RFC 5929, 4.1), always with SHA-256; the standard library exports no keying
    material.
    """
    return sha256(leaf).hexdigest()


class ServerContext(ssl.SSLContext):
    """What one certificate of ours is presented with; ``channel`` binds messages to its connections."""

    channel: str

    @classmethod
    def of(cls, credentials: Credentials) -> "ServerContext":
        """A context that presents these credentials."""
        made = cls(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_3
        made.num_tickets = 0  # no resumption: every connection sees the present certificate
        made.set_alpn_protocols(["http/1.1"])
        _load(made, credentials.key + b"\n" + credentials.chain)
        made.channel = channel_of(load_chain(credentials.chain)[0].public_bytes(Encoding.DER))
        return made


class ServerContexts:
    """The listener's TLS, which always presents the present credentials: each handshake asks for them."""

    def __init__(self, credentials: Callable[[], Credentials]) -> None:
        self._credentials = credentials
        self._present: tuple[Credentials, ServerContext] | None = None
        self.listening = self._current()
        self.listening.sni_callback = self._choose

    def _current(self) -> ServerContext:
        credentials = self._credentials()
        if self._present is None or self._present[0] != credentials:
            self._present = credentials, ServerContext.of(credentials)
        return self._present[1]

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called in each handshake, also without a server name; an exception ends that handshake only."""
        connection.context = self._current()


class _Checked(ssl.SSLObject):
    """A connection whose handshake fails unless the server is the one that its context expects."""

    def do_handshake(self) -> None:
        """Shake hands, and look at the certificate."""
        super().do_handshake()
        context = self.context
        leaf = self.getpeercert(binary_form=True)
        if not isinstance(context, ClientContext) or leaf is None:
            raise ssl.SSLCertVerificationError("expected a certificate of the server, got none")
        context.examine(leaf)


class ClientContext(ssl.SSLContext):
    """Connections to exactly one identity. ``channel`` is known once a handshake is done."""

    channel: str
    _expected: SpiffeId

    @classmethod
    def to(cls, expected: SpiffeId, anchors: Sequence[str]) -> "ClientContext":
        """Trust exactly ``anchors`` (PEM), and of what they sign exactly ``expected``.

        InvalidValueError ``trust_withdrawn`` when there are none.
        """
        if not anchors:
            raise InvalidValueError(
                "trust_withdrawn", f"expected trust anchors of {expected.trust_domain}, got none"
            )
        made = cls(ssl.PROTOCOL_TLS_CLIENT)
        made.minimum_version = ssl.TLSVersion.TLSv1_3
        # The name that counts is the SPIFFE id, which ``examine`` compares; the chain is verified by the
        # handshake.
        made.check_hostname = False
        made.verify_mode = ssl.CERT_REQUIRED
        # An anchor may be an intermediate: a chain ends at whatever the organisation gave as its bundle.
        made.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        made.load_verify_locations(cadata="\n".join(anchors))
        made.sslobject_class = _Checked
        made.channel = ""
        made._expected = expected
        return made

    def examine(self, leaf: bytes) -> None:
        """Refuse another identity, and remember the channel; called by each handshake."""
        try:
            certificate = load_certificate(leaf)
            identity = identity_of(certificate)
            check_leaf(certificate, Purpose.SERVER, max_lifetime=MAX_LIFETIME)
            check_strength((certificate,))
        except InvalidValueError as error:
            raise ssl.SSLCertVerificationError(f"{error.code}: {error.detail}") from error
        if identity != self._expected:
            raise ssl.SSLCertVerificationError(
                f"expected the certificate of {self._expected}, got that of {identity}"
            )
        self.channel = channel_of(leaf)


def web_context() -> ssl.SSLContext:
    """Connections to a host name, by the public web PKI that this machine trusts."""
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2  # bundle endpoints of others; ours have 1.3
    return made


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    """Give key and chain to a context, which only reads files: by one without a name, in memory."""
    handle = os.memfd_create("credentials", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(pem)
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
