"""The files of our own certificate authority: made once, checked at each start, renewed in place.

``<state>/ca`` (0700) holds ``root.pem``, ``root.key`` and ``issuing.pem`` (the intermediate with its key, in
one file so that both change in one step). ``root.key`` may be taken away: only renewing the intermediate
needs it. Once the root was changed (trust/anchor_file.py), each later root lies with its intermediate in a
directory of its own below.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki import sign, template
from control_plane.pki.bundle import check_anchors
from control_plane.pki.certificate import load_certificate, to_pem, uri_names
from control_plane.trust.files import DIRECTORY_MODE, FILE_MODE, check_private, sync_directory, write_private

ROOT_LIFETIME = timedelta(days=3650)
INTERMEDIATE_LIFETIME = timedelta(days=30)

ROOT, ROOT_KEY, ISSUING = "root.pem", "root.key", "issuing.pem"
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


class Issuing(NamedTuple):
    """The intermediate in use."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make an ECDSA P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def new_serial() -> int:
    """Make a serial number of 128 random bits; the first is always 1, so that it is never short."""
    return secrets.randbits(template.SERIAL_BITS) | 1 << (template.SERIAL_BITS - 1)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8, PEM, unencrypted: only for files of mode 0600 and for memory."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def past_half(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether half of the certificate's life is over."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= begin + (end - begin) / 2


@dataclass(frozen=True, slots=True)
class CaFiles:
    """One authority's directory."""

    directory: Path
    trust_domain: TrustDomain

    def make_once(self, now: datetime) -> None:
        """Make root and intermediate unless they exist; of two processes that start at once, one does."""
        with self.locked():
            if self.directory.exists() and any(self.directory.iterdir()):
                return
            new = self.directory.with_name(f".{self.directory.name}.new")
            if new.exists():  # left by a process that was killed here
                shutil.rmtree(new)
            new.mkdir(mode=DIRECTORY_MODE)
            new.chmod(DIRECTORY_MODE)
            key = new_key()
            wanted = template.root(
                self.trust_domain, key.public_key(), serial=new_serial(), now=now, lifetime=ROOT_LIFETIME
            )
            root = sign.self_signed(wanted, key)
            write_private(new / ROOT, to_pem([root]).encode())
            write_private(new / ROOT_KEY, key_pem(key))
            write_private(new / ISSUING, self._new_issuing(root, key, now))
            new.replace(self.directory)
            sync_directory(self.directory.parent)

    def check(self) -> None:
        """Refuse a directory or file that others can read or write."""
        for path in (self.directory, *sorted(self.directory.iterdir())):
            check_private(path)

    def root(self) -> x509.Certificate:
        """Read the root, and that it is an authority of this trust domain."""
        path = self.directory / ROOT
        (text,) = check_anchors(_read(path).decode("utf-8", "replace"), self.trust_domain)
        root = load_certificate(text)
        if uri_names(root) != [f"spiffe://{self.trust_domain}"]:
            raise _broken(path, f"an authority of {self.trust_domain}", "one of another trust domain")
        return root

    def issuing(self, root: x509.Certificate) -> Issuing:
        """Read the intermediate and its key."""
        path = self.directory / ISSUING
        content = _read(path)
        certificate = load_certificate(content[content.find(_CERTIFICATE) :])
        try:
            certificate.verify_directly_issued_by(root)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise _broken(path, f"an intermediate signed by {ROOT}", "another") from error
        return Issuing(certificate, _key_of(path, content, certificate))

    def renew(self, root: x509.Certificate, now: datetime) -> Issuing:
        """Replace the intermediate if that is due; the old one when the root's key is away."""
        with self.locked():
            present = self.issuing(root)  # another process may have renewed it
            path = self.directory / ROOT_KEY
            if not past_half(present.certificate, now) or not path.exists():
                return present
            check_private(path)
            root_key = _key_of(path, _read(path), root)
            write_private(self.directory / ISSUING, self._new_issuing(root, root_key, now))
            return self.issuing(root)

    def _new_issuing(
        self, root: x509.Certificate, root_key: ec.EllipticCurvePrivateKey, now: datetime
    ) -> bytes:
        key = new_key()
        wanted = template.intermediate(
            self.trust_domain, key.public_key(), serial=new_serial(), now=now, lifetime=INTERMEDIATE_LIFETIME
        )
        return key_pem(key) + to_pem([sign.signed(wanted, root, root_key)]).encode()

    def remove(self) -> None:
        """Remove the keys and certificates; what a killed process left half removed is no obstacle."""
        for name in (ROOT_KEY, ISSUING, ROOT):
            (self.directory / name).unlink(missing_ok=True)
        sync_directory(self.directory)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process, on this directory, from changing anything."""
        self.directory.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        path = self.directory.with_name(f"{self.directory.name}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _broken(path, "a file", "none") from error


def _key_of(path: Path, content: bytes, certificate: x509.Certificate) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError) as error:
        raise _broken(path, "a private key in PEM form without a password", "something else") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise _broken(path, "the ECDSA key of its certificate", "another key")
    return key


def _broken(path: Path, expected: str, got: str) -> InvalidValueError:
    return InvalidValueError(
        "broken_authority",
        f"expected {expected} at {path}, got {got}: restore the directory from a backup, or move it away to"
        " begin a new authority (partners must then take over the new bundle)",
    )
