"""What is written down with the rows of one transaction: times, leaf hashes, and who vouches for them.

The control plane that stored the rows signs it. A row that anybody else puts into the tables is in no signed
batch, and so never gets into the log.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from struct import Struct

from control_plane.chain.tree import HASH

TYP = "proxenia-audit-batch+jwt"
ENTRY = 8 + HASH  # bytes: time (record.microseconds), leaf hash
_time = Struct(">q")


@dataclass(frozen=True, slots=True)
class Claim:
    """Batch number ``batch`` of the log, stored on ``day``, has these rows."""

    log_id: str
    batch: int
    day: date
    body: bytes

    def payload(self) -> bytes:
        """What is signed."""
        document = {
            "batch": self.batch,
            "day": self.day.isoformat(),
            "digest": sha256(self.body).hexdigest(),
            "log_id": self.log_id,
            "rows": len(self.body) // ENTRY,
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def vouched(claim: Claim, signed: bytes) -> bytes:
    """What the head binds of a batch: its signature, or what it says where nobody signed it."""
    return signed or claim.payload()


def pack(entries: Iterable[tuple[int, bytes]]) -> bytes:
    """The body: time and leaf hash of each row, in the order of the log."""
    return b"".join(_time.pack(moment) + leaf for moment, leaf in entries)


def unpack(body: bytes) -> Iterator[tuple[int, bytes]]:
    """What ``pack`` was given; ValueError when the length is none of a body."""
    if len(body) % ENTRY:
        raise ValueError(f"expected a multiple of {ENTRY} bytes, got {len(body)}")
    for at in range(0, len(body), ENTRY):
        yield _time.unpack_from(body, at)[0], body[at + 8 : at + ENTRY]
