"""What an organisation says of its log: so many rows, with this root and this last link. It is signed.

The signed form is a JWS (``pki.jws``) of type ``TYP`` whose payload is ``write(head)``. Whoever holds the
organisation's bundle can verify it, and two heads of one log by a consistency proof.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from control_plane.chain.tree import HASH
from control_plane.kit import strict_json
from control_plane.model.identity import TrustDomain, shown
from control_plane.model.problem import InvalidValueError

TYP = "proxenia-audit-head+jwt"
MAX_HEAD = 4096  # bytes
MAX_SIZE = 2**63 - 1
_MEMBERS = {"organisation", "log_id", "size", "root", "chain", "at", "batch", "previous"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """The log ``log_id`` of ``organisation`` when it had ``size`` rows.

    ``batch`` is the shipment that the last row came with; it means something only to the organisation itself.
    ``previous`` binds the signed head before this one and the signatures of the batches in between
    (``bond``): so the last head vouches for all.
    """

    organisation: TrustDomain
    log_id: str  # UUID; a database that was made anew begins another log
    size: int
    root: bytes
    chain: bytes  # the last link
    at: datetime  # UTC
    batch: int = 0
    previous: bytes = bytes(HASH)

    def __post_init__(self) -> None:
        if any(not 0 <= number <= MAX_SIZE for number in (self.size, self.batch)):
            raise InvalidValueError("bad_head", "expected numbers from 0 to 2^63 - 1")
        if any(len(one) != HASH for one in (self.root, self.chain, self.previous)):
            raise InvalidValueError("bad_head", f"expected hashes of {HASH} bytes")
        if self.at.tzinfo is not UTC:
            raise InvalidValueError("bad_head", "expected a time in UTC")


def bond(head: bytes, batches: Iterable[bytes]) -> bytes:
    """What a head says of the signed head before it (empty: none) and of what was signed since."""
    return sha256(head + b"\n" + b"".join(sha256(one).digest() for one in batches)).digest()


def write(head: TreeHead) -> bytes:
    """The payload that is signed; one head has one form."""
    document = {
        "organisation": str(head.organisation),
        "log_id": head.log_id,
        "size": head.size,
        "root": head.root.hex(),
        "chain": head.chain.hex(),
        "at": head.at.isoformat(timespec="microseconds"),
        "batch": head.batch,
        "previous": head.previous.hex(),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def read(payload: bytes) -> TreeHead:
    """Read what ``write`` made; InvalidValueError ``bad_head`` for anything else."""
    try:
        document = strict_json.read(payload, most=MAX_HEAD)
    except strict_json.StrictJsonError as error:
        raise InvalidValueError("bad_head", str(error)) from error
    if not isinstance(document, dict) or set(document) != _MEMBERS:
        raise InvalidValueError("bad_head", f"expected {', '.join(sorted(_MEMBERS))}, got other members")
    try:
        head = TreeHead(
            organisation=TrustDomain(_text(document["organisation"])),
            log_id=str(UUID(_text(document["log_id"]))),
            size=_number(document["size"]),
            root=bytes.fromhex(_text(document["root"])),
            chain=bytes.fromhex(_text(document["chain"])),
            at=datetime.fromisoformat(_text(document["at"])).astimezone(UTC),
            batch=_number(document["batch"]),
            previous=bytes.fromhex(_text(document["previous"])),
        )
    except (ValueError, OverflowError) as error:
        raise InvalidValueError("bad_head", f"expected a head of a log: {shown(str(error))}") from error
    if write(head) != payload:
        raise InvalidValueError("bad_head", "expected a head in its canonical form, got another")
    return head


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidValueError("bad_head", f"expected text, got {shown(value)}")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValueError("bad_head", f"expected a number, got {shown(value)}")
    return value
