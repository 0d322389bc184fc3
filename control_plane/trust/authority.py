"""Our own certificate authority: signs for one trust domain, names decided by our own record."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from control_plane.model.bundle import Bundle
from control_plane.model.expiry import Dated, DatedKind
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki import sign, template
from control_plane.pki.certificate import fingerprint, to_pem
from control_plane.ports.certificates import ServerCredentials
from control_plane.trust.anchor_file import FIRST, AnchorFile, Version
from control_plane.trust.ca_files import ROOT_KEY, CaFiles, Issuing, key_pem, new_key, new_serial, past_half
from control_plane.trust.dates import dated
from control_plane.trust.files import check_private
from control_plane.trust.rotation import AnchorState

__all__ = ["CONTROL_PLANE_PATH", "LEAF_LIFETIME", "Authority", "ServerCredentials"]

LEAF_LIFETIME = timedelta(hours=24)
CONTROL_PLANE_PATH = "control-plane"


@dataclass(frozen=True, slots=True)
class _View:
    """What was read of the files together. ``roots`` are the published ones, the signing one first."""

    version: Version | None
    state: AnchorState
    roots: tuple[x509.Certificate, ...]
    issuing: Issuing


class Authority:
    """Every method but ``change`` is quick (one signature, rarely a small file); the loop may call it.

    Other processes may change the roots (``change``); every use looks whether they did.
    """

    def __init__(self, directory: Path, trust_domain: TrustDomain, view: _View) -> None:
        self._directory = directory
        self._trust_domain = trust_domain
        self._view = view
        self._server: tuple[x509.Certificate, str, ServerCredentials] | None = None

    @classmethod
    def open(cls, directory: Path, trust_domain: TrustDomain, *, now: datetime) -> "Authority":
        """Read the authority of ``trust_domain``, or make it at first use.

        Raises InvalidValueError ``unsafe_mode``, ``unsafe_owner``, ``unsafe_file``, ``broken_authority``, or
        a code of ``pki.bundle`` when the root is not one of this trust domain.
        """
        first = CaFiles(directory, trust_domain)
        first.make_once(now)
        first.check()
        view = _read(directory, trust_domain)
        for name in view.state.published:
            _files(directory, trust_domain, name).check()
        return cls(directory, trust_domain, view)

    def issue(self, csr_pem: str, spiffe_id: SpiffeId, *, lifetime: timedelta, now: datetime) -> str:
        """Sign the request's public key for ``spiffe_id``; leaf and intermediate as PEM.

        Raises InvalidValueError: a code of ``pki.sign``, ``foreign_identity`` or ``root_key_missing``.
        """
        key = sign.public_key_of_request(csr_pem)
        return to_pem(self._sign(spiffe_id, key, lifetime, now))

    def anchors(self) -> tuple[str, ...]:
        """Our trust anchors, one PEM each: roots only, since our leaves come with their intermediate."""
        return tuple(to_pem([root]) for root in self._now().roots)

    def bundle(self) -> Bundle:
        """Our anchors as partners get them; whatever changes them makes the sequence greater."""
        view = self._now()
        anchors = tuple(to_pem([root]) for root in view.roots)
        return Bundle(self._trust_domain, anchors, sequence=view.state.sequence)

    def signer(self, spiffe_id: SpiffeId) -> str:
        """The present bundle and the root below which we sign."""
        del spiffe_id  # one authority for all
        return _signer(self._now().state)

    def state(self) -> AnchorState:
        """Which roots are published, and how a change of them stands."""
        return self._now().state

    def fingerprints(self) -> tuple[str, ...]:
        """The published roots', the signing one's first."""
        return tuple(fingerprint(root) for root in self._now().roots)

    def change(self, decided: Callable[[AnchorState], AnchorState], *, now: datetime) -> AnchorState:
        """Replace the state under the lock, with the keys that it needs; it is on the disk on return.

        Writes and syncs: never on the event loop. A new root is made before it is named anywhere, and keys
        are removed only when nothing names them any more.
        """
        first = _files(self._directory, self._trust_domain, FIRST)
        file = AnchorFile(self._directory)
        with first.locked():
            before = _state(self._directory, self._trust_domain)
            after = decided(before)
            if after != before:
                for name in set(after.published) - set(before.published):
                    _files(self._directory, self._trust_domain, name).make_once(now)
                file.write(after)
            self._remove_unpublished(after)
            self._view = _read(self._directory, self._trust_domain)
        return after

    def server_credentials(self, *, now: datetime) -> ServerCredentials:
        """The control plane's own identity: kept in memory, made anew at half of its life."""
        view = self._now()
        signer = _signer(view.state)
        server = self._server
        if server is None or server[1] != signer or past_half(server[0], now):
            key = new_key()
            spiffe_id = SpiffeId(f"spiffe://{self._trust_domain}/{CONTROL_PLANE_PATH}")
            chain = self._sign(spiffe_id, key.public_key(), LEAF_LIFETIME, now)
            roots = to_pem(view.roots).encode()
            server = chain[0], signer, ServerCredentials(key_pem(key), to_pem(chain).encode(), roots)
            self._server = server
        return server[2]

    def dates(self) -> tuple[Dated, ...]:
        """Roots, the intermediate, and the control plane's certificate if there is one."""
        view, own = self._now(), self._trust_domain
        found = [dated(root, DatedKind.ROOT, own) for root in view.roots]
        found.append(dated(view.issuing.certificate, DatedKind.INTERMEDIATE, own))
        if self._server is not None:
            found.append(dated(self._server[0], DatedKind.CONTROL_PLANE, own, subject=CONTROL_PLANE_PATH))
        return tuple(found)

    def _now(self) -> _View:
        if AnchorFile(self._directory).version() != self._view.version:
            self._view = _read(self._directory, self._trust_domain)
        return self._view

    def _sign(
        self, spiffe_id: SpiffeId, key: template.PublicKey, lifetime: timedelta, now: datetime
    ) -> tuple[x509.Certificate, x509.Certificate]:
        if spiffe_id.trust_domain != self._trust_domain:
            raise InvalidValueError(
                "foreign_identity", f"expected an identity of {self._trust_domain}, got {spiffe_id}"
            )
        issuer = self._issuer(now)
        wanted = template.leaf(spiffe_id, key, serial=new_serial(), now=now, lifetime=lifetime)
        return sign.signed(wanted, issuer.certificate, issuer.key), issuer.certificate

    def _issuer(self, now: datetime) -> Issuing:
        view = self._now()
        issuing = view.issuing
        files = _files(self._directory, self._trust_domain, view.state.signing)
        if past_half(issuing.certificate, now):
            issuing = files.renew(view.roots[0], now)
            self._view = _View(view.version, view.state, view.roots, issuing)
        end = issuing.certificate.not_valid_after_utc
        if now >= end:
            raise InvalidValueError(
                "root_key_missing",
                f"expected an intermediate that is still valid, got one that ended {end:%Y-%m-%d %H:%M} UTC:"
                f" bring {ROOT_KEY} back to {files.directory}, so that it is renewed",
            )
        return issuing

    def _remove_unpublished(self, state: AnchorState) -> None:
        """Nothing is left of a root that is over, or that a killed process made for nothing."""
        if FIRST not in state.published:
            _files(self._directory, self._trust_domain, FIRST).remove()
        for path in self._directory.iterdir():
            if path.is_dir() and path.name not in state.published:
                check_private(path)
                shutil.rmtree(path)


def _files(directory: Path, trust_domain: TrustDomain, name: str) -> CaFiles:
    return CaFiles(directory / name if name else directory, trust_domain)


def _state(directory: Path, trust_domain: TrustDomain) -> AnchorState:
    """What the file says. Without one, the sequence is when the first root begins; later ones are greater."""
    state = AnchorFile(directory).read()
    if state is not None:
        return state
    root = _files(directory, trust_domain, FIRST).root()
    return AnchorState(sequence=int(root.not_valid_before_utc.timestamp()), signing=FIRST, published=(FIRST,))


def _read(directory: Path, trust_domain: TrustDomain) -> _View:
    """Everything that belongs together; another process may replace it while we read."""
    while True:
        version = AnchorFile(directory).version()
        try:
            return _read_once(directory, trust_domain, version)
        except InvalidValueError:
            if AnchorFile(directory).version() == version:
                raise


def _read_once(directory: Path, trust_domain: TrustDomain, version: Version | None) -> _View:
    state = _state(directory, trust_domain)
    order = sorted(state.published, key=lambda name: name != state.signing)  # stable: the signing one first
    roots = tuple(_files(directory, trust_domain, name).root() for name in order)
    issuing = _files(directory, trust_domain, state.signing).issuing(roots[0])
    return _View(version, state, roots, issuing)


def _signer(state: AnchorState) -> str:
    return f"{state.signing or 'first'}@{state.sequence}"
