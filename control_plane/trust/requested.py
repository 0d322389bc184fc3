"""Requests out and certificates in: for an authority that is elsewhere, perhaps on no network at all.

``<directory>/requests/<name>.csr`` is what its operators sign; they put the chain at ``<name>/chain.pem`` and
their anchors into ``bundle.pem``, where everything is checked as files that are handed in are. Keys are made
where they are used: the control plane's here, a gateway's by its agent, which keeps it until it is answered.
"""

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki import sign
from control_plane.pki.certificate import load_chain
from control_plane.ports.errors import UnavailableError
from control_plane.trust.ca_files import key_pem, new_key
from control_plane.trust.files import DIRECTORY_MODE, check_private, write_private
from control_plane.trust.handed_in import CONTROL_PLANE, HandedIn, Place

REQUESTS = "requests"


class Requested(HandedIn):
    """Implements ports.certificates.OwnAuthority."""

    @classmethod
    def open(cls, directory: Path, trust_domain: TrustDomain, *, now: datetime) -> "Requested":
        """Ask for the control plane's certificate, and read it; ``certificate_pending`` until it is there."""
        place = Place(directory)
        for path in (directory, directory / REQUESTS, directory / CONTROL_PLANE):
            path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            check_private(path)
        csr = _own_request(place, SpiffeId(f"spiffe://{trust_domain}/{CONTROL_PLANE}"))
        if not (place.bundle.exists() and place.chain(CONTROL_PLANE).exists()):
            raise InvalidValueError(
                "certificate_pending",
                f"expected a certificate for {csr} at {place.chain(CONTROL_PLANE)} and our anchors at"
                f" {place.bundle}, got none yet: have the request signed, put both there, start again",
            )
        return cls(place, trust_domain, now=now)

    def issue(self, csr_pem: str, spiffe_id: SpiffeId, *, lifetime: timedelta, now: datetime) -> str:
        """The certificate for the request, or UnavailableError: the request waits to be signed."""
        key = sign.public_key_of_request(csr_pem)
        name = spiffe_id.path.rpartition("/")[2]
        path = self._place.chain(name)
        if path.exists() and load_chain(path.read_text("utf-8", "replace"))[0].public_key() == key:
            return super().issue(csr_pem, spiffe_id, lifetime=lifetime, now=now)
        request = self._place.directory / REQUESTS / f"{name}.csr"
        if not request.exists() or request.read_text("utf-8", "replace") != csr_pem:
            write_private(request, csr_pem.encode())
        raise UnavailableError(f"the request {request} waits to be signed; the certificate goes to {path}")

    def signer(self, spiffe_id: SpiffeId) -> str:
        """The bundle: a new chain is for a new request, which its gateway repeats until it is answered."""
        del spiffe_id
        return f"requests@{self.bundle().sequence}"


def _own_request(place: Place, spiffe_id: SpiffeId) -> Path:
    """The control plane's request, made with its key at first."""
    path = place.directory / REQUESTS / f"{CONTROL_PLANE}.csr"
    if not place.key.exists():
        write_private(place.key, key_pem(new_key()))
    check_private(place.key)
    key = load_pem_private_key(place.key.read_bytes(), None)
    if not path.exists():
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe_id)])
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        request = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())  # type: ignore[arg-type]  # ours
        write_private(path, request.public_bytes(Encoding.PEM))
    return path
