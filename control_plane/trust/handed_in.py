"""Certificates that are handed in as files; another authority makes them, and nothing of ours signs.

The directory holds ``bundle.pem`` (our anchors), and for each gateway and for ``control-plane`` a directory
with ``chain.pem``, beside which ``key.pem`` lies on the machine that uses it. Files are looked at whenever
they change, and checked as a partner would check them: what is bad is refused and said, and the last good one
stays.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from control_plane.model.bundle import Bundle
from control_plane.model.expiry import Dated, DatedKind
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki import sign
from control_plane.pki.bundle import check_anchors
from control_plane.pki.certificate import load_certificate, load_chain
from control_plane.pki.path import Purpose
from control_plane.pki.verify import Anchors, authenticate
from control_plane.ports.certificates import ServerCredentials
from control_plane.ports.errors import UnavailableError
from control_plane.trust.dates import dated
from control_plane.trust.files import check_private
from control_plane.trust.sequence_file import SequenceFile

CONTROL_PLANE = "control-plane"
LOOK = 2.0  # seconds
BUNDLE, KEY, CHAIN = "bundle.pem", "key.pem", "chain.pem"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are handed in."""

    directory: Path

    @property
    def bundle(self) -> Path:
        """Our anchors."""
        return self.directory / BUNDLE

    @property
    def key(self) -> Path:
        """The control plane's key."""
        return self.directory / CONTROL_PLANE / KEY

    def chain(self, name: str) -> Path:
        """The chain of a gateway or of the control plane, leaf first."""
        return self.directory / name / CHAIN


@dataclass(frozen=True, slots=True)
class _Good:
    """What was checked together: the bundle verifies the control plane's chain."""

    bundle: Bundle
    leaf: x509.Certificate
    server: ServerCredentials


class HandedIn:
    """Implements ports.certificates.OwnAuthority."""

    def __init__(self, place: Place, trust_domain: TrustDomain, *, now: datetime) -> None:
        self._place = place
        self._trust_domain = trust_domain
        self._sequence = SequenceFile(place.directory / "sequence.json")
        self._seen = self._versions()
        self._good = self._read(now)

    @classmethod
    def open(cls, directory: Path, trust_domain: TrustDomain, *, now: datetime) -> "HandedIn":
        """Read what is there; InvalidValueError ``handed_in_missing`` or the code of what is bad."""
        return cls(Place(directory), trust_domain, now=now)

    def issue(self, csr_pem: str, spiffe_id: SpiffeId, *, lifetime: timedelta, now: datetime) -> str:
        """The chain that was handed in for this identity, if it is for the request's key."""
        del lifetime  # whoever made the certificate decided
        key = sign.public_key_of_request(csr_pem)
        path = self._place.chain(_name(spiffe_id))
        try:
            text = path.read_text("utf-8", "replace")
        except FileNotFoundError as error:
            raise UnavailableError(
                f"expected the certificate of {spiffe_id} at {path}, got none yet"
            ) from error
        leaf = self._checked(text, spiffe_id, self._good.bundle, now)
        if leaf.public_key() != key:
            raise InvalidValueError(
                "wrong_key", f"expected the certificate of the gateway's key at {path}, got that of another"
            )
        return text

    def anchors(self) -> tuple[str, ...]:
        """Our trust anchors."""
        return self.bundle().anchors

    def bundle(self) -> Bundle:
        """Our anchors with a sequence that grows whenever they change."""
        return self._good.bundle

    def server_credentials(self, *, now: datetime) -> ServerCredentials:
        """The control plane's own identity, as it was last handed in and found good."""
        self.look(now)
        return self._good.server

    def signer(self, spiffe_id: SpiffeId) -> str:
        """The bundle, and the chain that is there for this identity."""
        try:
            chain = self._place.chain(_name(spiffe_id)).read_bytes()
        except FileNotFoundError:
            chain = b""
        return f"{sha256(chain).hexdigest()[:16]}@{self._good.bundle.sequence}"

    def dates(self) -> tuple[Dated, ...]:
        """Our anchors, and the control plane's certificate."""
        own = self._trust_domain
        roots = [dated(load_certificate(one), DatedKind.ROOT, own) for one in self._good.bundle.anchors]
        leaf = dated(self._good.leaf, DatedKind.CONTROL_PLANE, own, subject=CONTROL_PLANE)
        return (*roots, leaf)

    def look(self, now: datetime) -> None:
        """Take over what changed, if it is good; say once why not."""
        versions = self._versions()
        if versions == self._seen:
            return
        self._seen = versions
        try:
            self._good = self._read(now)
        except InvalidValueError as error:
            _log.error("handed_in_refused", code=error.code, detail=error.detail, next_step="the last stays")
        else:
            _log.info("handed_in_taken_over", sequence=self._good.bundle.sequence)

    async def run(self, clock: Callable[[], datetime]) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await asyncio.to_thread(self.look, clock())
            await asyncio.sleep(LOOK)

    def _versions(self) -> tuple[tuple[int, int, int] | None, ...]:
        place = self._place
        return tuple(_version(path) for path in (place.bundle, place.key, place.chain(CONTROL_PLANE)))

    def _read(self, now: datetime) -> _Good:
        place, own = self._place, self._trust_domain
        anchors = check_anchors(_text(place.bundle), own)
        check_private(place.key)
        key_pem, chain = _text(place.key).encode(), _text(place.chain(CONTROL_PLANE))
        bundle = Bundle(own, anchors)
        leaf = self._checked(chain, SpiffeId(f"spiffe://{own}/{CONTROL_PLANE}"), bundle, now)
        if _public(key_pem, place.key) != leaf.public_key():
            raise InvalidValueError(
                "wrong_key", f"expected the key of the certificate beside it at {place.key}, got another"
            )
        bundle = Bundle(own, anchors, sequence=self._sequence.of("".join(anchors), now))
        server = ServerCredentials(key_pem, chain.encode(), "".join(anchors).encode())
        return _Good(bundle, leaf, server)

    @staticmethod
    def _checked(text: str, spiffe_id: SpiffeId, bundle: Bundle, now: datetime) -> x509.Certificate:
        """Verify a chain in both directions, as a partner would; its leaf."""
        chain = load_chain(text)
        store = {bundle.organisation: Anchors.of(bundle)}
        for purpose in (Purpose.SERVER, Purpose.CLIENT):
            found = authenticate(chain, purpose, now=now, store=store).spiffe_id
            if found != spiffe_id:
                raise InvalidValueError(
                    "foreign_identity", f"expected the certificate of {spiffe_id}, got that of {found}"
                )
        return chain[0]


def _name(spiffe_id: SpiffeId) -> str:
    """The last part of a path is an id, which is no path itself."""
    return spiffe_id.path.rpartition("/")[2]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError as error:
        raise InvalidValueError(
            "handed_in_missing", f"expected a file at {path}: {error.strerror}"
        ) from error


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _public(pem: bytes, path: Path) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise InvalidValueError(
            "wrong_key", f"expected a private key in PEM form without a password at {path}"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise InvalidValueError("wrong_key", f"expected an ECDSA or RSA key at {path}")
    return key.public_key()
