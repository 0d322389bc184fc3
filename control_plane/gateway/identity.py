"""The gateway's own key and certificate. The key is made here and never leaves this machine.

Both lie in one file that Envoy reads as its secret ``own``, so that key and certificate can only change
together; the rename that replaces it makes Envoy use the new pair from its next handshake on, without
touching a connection.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from control_plane.gateway.config import AgentConfig, AgentError, Files
from control_plane.gateway.durable import replace_file
from control_plane.model.identity import SpiffeId, shown

_SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type's name
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_ALARM = 0.75  # of a certificate's life; by then several renewals must have failed


@dataclass(frozen=True, slots=True)
class Identity:
    """What Envoy presents: PEM texts, and the seconds since the epoch between which it is good."""

    key: str = field(repr=False)
    chain: str
    anchors: str
    installed: float
    expires: float

    def renewal(self, chance: float) -> float:
        """When to ask for the next one: at half of its life, give or take a tenth (``chance`` is 0 to 1)."""
        return self.installed + max(1.0, (self.expires - self.installed) * (0.45 + chance / 10))

    def is_overdue(self, now: float) -> bool:
        """Whether renewal has failed for so long that somebody should look."""
        return now > self.installed + (self.expires - self.installed) * _ALARM


@dataclass(frozen=True, slots=True)
class Request:
    """A fresh key, and the request for a certificate with its proof of possession (PEM)."""

    key: str = field(repr=False)
    csr: str


def request_for(config: AgentConfig) -> Request:
    """The request to send: the one that waits for an answer, else a new one, which is kept until then.

    A certificate may take days where an offline authority makes it; it must find the key that it is for.
    AgentError when a key that was handed in cannot be used.
    """
    if config.handed_key is not None:
        return _request(config.spiffe_id, _handed(config.handed_key))
    pending = config.files.pending
    try:
        kept = json.loads(pending.read_text())
        return Request(str(kept["key"]), str(kept["csr"]))
    except FileNotFoundError:
        request = make_request(config.spiffe_id)
    except (ValueError, KeyError, TypeError) as error:
        raise AgentError(f"cannot read the request in {pending}: {error!r}; remove it") from error
    replace_file(pending, json.dumps({"key": request.key, "csr": request.csr}) + "\n")
    return request


def _handed(path: Path) -> Key:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise AgentError(
            f"expected a private key in PEM form without a password at {path}: {error}"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise AgentError(f"expected an ECDSA or RSA key at {path}, got another kind")
    return key


def make_request(spiffe_id: SpiffeId) -> Request:
    """Make a P-256 key and its signing request. The control plane decides the name, whatever stands in it."""
    return _request(spiffe_id, ec.generate_private_key(ec.SECP256R1()))


def _request(spiffe_id: SpiffeId, key: Key) -> Request:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, spiffe_id.path.rpartition("/")[2][:64])])
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe_id)]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Request(pem.decode(), csr.public_bytes(serialization.Encoding.PEM).decode())


def install(config: AgentConfig, request: Request, answer: dict[str, Any], *, now: float) -> Identity:
    """Check the control plane's answer against what was asked, and give it to Envoy.

    AgentError when anything differs; the present certificate then stays.
    """
    chain, anchors = answer.get("certificate"), answer.get("anchors")
    if not isinstance(chain, str) or not isinstance(anchors, list) or not anchors:
        raise AgentError("expected a certificate and anchors from the control plane, got neither or one")
    bundle = "".join(_with_newline(str(pem)) for pem in anchors)
    leaf = _read(chain, "a certificate chain")[0]
    _read(bundle, "anchors")
    _check_leaf(leaf, request, config.spiffe_id, now=now)
    replace_file(config.files.anchors, _document(_validation(bundle, config.control_plane_id)))
    replace_file(config.files.own, _document(_certificate(request.key, chain)))
    config.files.pending.unlink(missing_ok=True)
    return Identity(request.key, chain, bundle, now, leaf.not_valid_after_utc.timestamp())


def load(files: Files) -> Identity | None:
    """Read what was installed before; None when there is nothing. AgentError when it cannot be read."""
    try:
        own = json.loads(files.own.read_text())["resources"][0]["tls_certificate"]
        anchors = json.loads(files.anchors.read_text())["resources"][0]["validation_context"]["trusted_ca"]
        key, chain = own["private_key"]["inline_string"], own["certificate_chain"]["inline_string"]
        installed = files.own.stat().st_mtime
        bundle = str(anchors["inline_string"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise AgentError(
            f"cannot read the identity in {files.secrets}: {error!r}; remove the directory"
        ) from error
    leaf = _read(chain, "a certificate chain")[0]
    return Identity(key, chain, bundle, installed, leaf.not_valid_after_utc.timestamp())


def _check_leaf(leaf: x509.Certificate, request: Request, expected: SpiffeId, *, now: float) -> None:
    key = serialization.load_pem_private_key(request.key.encode(), None)
    if leaf.public_key() != key.public_key():
        raise AgentError("expected a certificate for the key of our request, got one for another key")
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise AgentError(f"expected a certificate of {expected}, got one without a name") from error
    identities = names.get_values_for_type(x509.UniformResourceIdentifier)
    if identities != [expected]:
        raise AgentError(f"expected a certificate of {expected}, got {shown(identities)}")
    if leaf.not_valid_after_utc.timestamp() <= now:
        until = leaf.not_valid_after_utc.isoformat()
        raise AgentError(
            f"expected a certificate that is still good, got one until {until}"
            f" (here it is {datetime.fromtimestamp(now, leaf.not_valid_after_utc.tzinfo).isoformat()}):"
            " compare the clocks"
        )


def _read(pem: str, what: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise AgentError(f"expected {what} in PEM, got {shown(pem)}: {error}") from error


def _certificate(key: str, chain: str) -> dict[str, Any]:
    return {
        "name": "own",
        "tls_certificate": {
            "certificate_chain": {"inline_string": chain},
            "private_key": {"inline_string": key},
        },
    }


def _validation(anchors: str, control_plane: SpiffeId) -> dict[str, Any]:
    return {
        "name": "control-plane",
        "validation_context": {
            "trusted_ca": {"inline_string": anchors},
            "match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": control_plane}}],
        },
    }


def _document(secret: dict[str, Any]) -> str:
    return json.dumps({"resources": [{"@type": _SECRET, **secret}]}, indent=2) + "\n"


def _with_newline(pem: str) -> str:
    return pem if pem.endswith("\n") else pem + "\n"
