"""The token of an invitation: one line with all that the other side needs to find us and to trust us.

``proxenia-1.<content>.<check>``: base64url of a JSON document, and the first bytes of its SHA-256, which
finds slips of hand and of copying. It does not stop somebody who makes a token of his own: the operators'
comparing of fingerprints does, and the inviter sees the digest of the token that the joiner used.
"""

import re
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar

from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import TypeAdapter, ValidationError

from control_plane.kit import strict_json
from control_plane.model.identity import TrustDomain, shown
from control_plane.model.peering import MAX_ADDRESSES, MAX_SEQUENCE, PeeringAddress
from control_plane.model.problem import InvalidValueError
from control_plane.peering.refusal import RefusedError
from control_plane.pki.bundle import check_anchors
from control_plane.pki.certificate import load_certificate, to_pem

PREFIX = "proxenia-1"
MAX_TOKEN = 32 * 1024  # characters; usual are 1,500
SECRET_BYTES = 32
ID_BYTES = 16
_CHECK_BYTES = 8
_FORM = re.compile(rf"{PREFIX}\.([A-Za-z0-9_-]{{1,{MAX_TOKEN}}})\.([A-Za-z0-9_-]{{11}})\Z")
_ID = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An invitation; ``until`` is seconds since the epoch, ``anchors`` are PEM, one certificate each."""

    id: str  # 32 hex digits
    secret: bytes = field(repr=False)
    inviter: TrustDomain
    invited: TrustDomain
    addresses: tuple[PeeringAddress, ...]
    anchors: tuple[str, ...]
    until: int


@dataclass(frozen=True, slots=True)
class _Content:
    """The JSON document in a token."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    id: str
    secret: str
    inviter: TrustDomain
    invited: TrustDomain
    addresses: tuple[PeeringAddress, ...]
    anchors: tuple[str, ...]  # base64 of DER
    until: int


_CONTENT = TypeAdapter(_Content)


def render(token: Token) -> str:
    """The token as text; ``bad_token`` when it would be too long for one."""
    anchors = [load_certificate(pem).public_bytes(Encoding.DER) for pem in token.anchors]
    content = _Content(
        token.id,
        b64encode(token.secret).decode(),
        token.inviter,
        token.invited,
        token.addresses,
        tuple(b64encode(anchor).decode() for anchor in anchors),
        token.until,
    )
    body = _text(_CONTENT.dump_json(content))
    text = f"{PREFIX}.{body}.{_check(body)}"
    if len(text) > MAX_TOKEN:
        raise RefusedError(
            "bad_token",
            f"expected a token of at most {MAX_TOKEN} characters, got {len(text)}: we have too many anchors",
        )
    return text


def parse(text: str) -> Token:
    """Read a token; ``bad_token`` unless every character of it is as ``render`` wrote it."""
    text = text.strip()
    if not text.startswith(f"{PREFIX}.") and text.startswith("proxenia-"):
        raise RefusedError(
            "bad_token", f"expected a token of version {PREFIX}, got {shown(text[:12])}: update Proxenia"
        )
    match = _FORM.match(text) if len(text) <= MAX_TOKEN else None
    if match is None or match[2] != _check(match[1]):
        raise RefusedError(
            "bad_token",
            f"expected a whole token ({PREFIX}.…), got one that is torn or changed: copy it again",
        )
    try:
        raw = urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4))
        document = strict_json.read(raw, most=MAX_TOKEN)
        del document  # only asked whether it is strict; pydantic reads it with its types
        token = _read(_CONTENT.validate_json(raw, strict=True))
    except (Base64Error, strict_json.StrictJsonError, ValidationError, InvalidValueError) as error:
        raise RefusedError(
            "bad_token", f"expected a token of {PREFIX}, got one that breaks its rules"
        ) from error
    if render(token) != text:
        raise RefusedError("bad_token", "expected a token as it was issued, got one written in another way")
    return token


def digest(text: str) -> str:
    """What both sides call this very token: SHA-256 of its text, in hex. It says nothing about the secret."""
    return sha256(b"proxenia token 1\0" + text.strip().encode()).hexdigest()


def check_id(text: str) -> None:
    """Raise RefusedError ``malformed_message`` unless ``text`` has the form of an invitation's id."""
    if not _ID.match(text):
        raise RefusedError(
            "malformed_message", "expected an invitation's id of 32 hex digits, got another text"
        )


def _read(content: _Content) -> Token:
    secret = b64decode(content.secret, validate=True)
    anchors = [load_certificate(b64decode(anchor, validate=True)) for anchor in content.anchors]
    if not _ID.match(content.id) or len(secret) != SECRET_BYTES:
        raise InvalidValueError("bad_token", "expected an id of 16 and a secret of 32 bytes")
    if not 1 <= len(content.addresses) <= MAX_ADDRESSES or not 0 <= content.until <= MAX_SEQUENCE:
        raise InvalidValueError("bad_token", f"expected 1 to {MAX_ADDRESSES} addresses and an expiry")
    return Token(
        id=content.id,
        secret=secret,
        inviter=content.inviter,
        invited=content.invited,
        addresses=content.addresses,
        anchors=check_anchors(to_pem(anchors), content.inviter),
        until=content.until,
    )


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _check(body: str) -> str:
    return _text(sha256(f"{PREFIX}.{body}".encode()).digest()[:_CHECK_BYTES])
