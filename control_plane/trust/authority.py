"""Our own certificate authority: signs for one trust domain, names decided by our own record."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from control_plane.model.bundle import Bundle
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki import sign, template
from control_plane.pki.certificate import to_pem
from control_plane.trust.ca_files import ROOT_KEY, CaFiles, Issuing, key_pem, new_key, new_serial, past_half

LEAF_LIFETIME = timedelta(hours=24)
CONTROL_PLANE_PATH = "control-plane"


class ServerCredentials(NamedTuple):
    """What the control plane's own TLS server presents (PEM); ``roots`` verify the gateways."""

    key: bytes
    chain: bytes
    roots: bytes

    def __repr__(self) -> str:
        return "ServerCredentials(key=(redacted))"


class Authority:
    """Every method is quick (one signature, rarely a small file) and may be called on the event loop."""

    def __init__(self, files: CaFiles, *, root: x509.Certificate, issuing: Issuing) -> None:
        self._files = files
        self._root = root
        self._issuing = issuing
        self._server: tuple[x509.Certificate, ServerCredentials] | None = None

    @classmethod
    def open(cls, directory: Path, trust_domain: TrustDomain, *, now: datetime) -> "Authority":
        """Read the authority of ``trust_domain``, or make it at first use.

        Raises InvalidValueError ``unsafe_mode``, ``unsafe_owner``, ``unsafe_file``, ``broken_authority``, or
        a code of ``pki.bundle`` when the root is not one of this trust domain.
        """
        files = CaFiles(directory, trust_domain)
        files.make_once(now)
        files.check()
        root = files.root()
        return cls(files, root=root, issuing=files.issuing(root))

    def issue(self, csr_pem: str, spiffe_id: SpiffeId, *, lifetime: timedelta, now: datetime) -> str:
        """Sign the request's public key for ``spiffe_id``; leaf and intermediate as PEM.

        Raises InvalidValueError: a code of ``pki.sign``, ``foreign_identity`` or ``root_key_missing``.
        """
        key = sign.public_key_of_request(csr_pem)
        return to_pem(self._sign(spiffe_id, key, lifetime, now))

    def anchors(self) -> tuple[str, ...]:
        """Our trust anchors, one PEM each: roots only, since our leaves come with their intermediate."""
        return (to_pem([self._root]),)

    def bundle(self) -> Bundle:
        """Our anchors as partners get them; a newer root gives a greater sequence."""
        sequence = int(self._root.not_valid_before_utc.timestamp())
        return Bundle(self._files.trust_domain, self.anchors(), sequence=sequence)

    def server_credentials(self, *, now: datetime) -> ServerCredentials:
        """The control plane's own identity: kept in memory, made anew at half of its life."""
        if self._server is None or past_half(self._server[0], now):
            key = new_key()
            spiffe_id = SpiffeId(f"spiffe://{self._files.trust_domain}/{CONTROL_PLANE_PATH}")
            chain = self._sign(spiffe_id, key.public_key(), LEAF_LIFETIME, now)
            roots = "".join(self.anchors()).encode()
            self._server = chain[0], ServerCredentials(key_pem(key), to_pem(chain).encode(), roots)
        return self._server[1]

    def _sign(
        self, spiffe_id: SpiffeId, key: template.PublicKey, lifetime: timedelta, now: datetime
    ) -> tuple[x509.Certificate, x509.Certificate]:
        if spiffe_id.trust_domain != self._files.trust_domain:
            raise InvalidValueError(
                "foreign_identity", f"expected an identity of {self._files.trust_domain}, got {spiffe_id}"
            )
        issuer = self._issuer(now)
        wanted = template.leaf(spiffe_id, key, serial=new_serial(), now=now, lifetime=lifetime)
        return sign.signed(wanted, issuer.certificate, issuer.key), issuer.certificate

    def _issuer(self, now: datetime) -> Issuing:
        if past_half(self._issuing.certificate, now):
            self._issuing = self._files.renew(self._root, now)
        end = self._issuing.certificate.not_valid_after_utc
        if now >= end:
            raise InvalidValueError(
                "root_key_missing",
                f"expected an intermediate that is still valid, got one that ended {end:%Y-%m-%d %H:%M} UTC:"
                f" bring {ROOT_KEY} back to {self._files.directory}, so that it is renewed",
            )
        return self._issuing
