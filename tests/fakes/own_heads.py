"""A log in memory whose heads are signed by a control plane; a test may change its past."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

from control_plane.chain.head import TYP, TreeHead, write
from control_plane.chain.proof import prove_consistency
from control_plane.chain.tree import HASH, Frontier
from control_plane.model.identity import TrustDomain
from control_plane.ports.heads import OwnHead

LOG = "6f0d1b0a-0000-4000-8000-000000000001"


class FakeOwnHeads:
    """Implements ports.heads.OwnHeads; ``sign`` signs a payload as a message of a type."""

    def __init__(self, organisation: TrustDomain, sign: Callable[[bytes, str], bytes]) -> None:
        self._organisation = organisation
        self._sign = sign
        self.leaves: list[bytes] = []
        self.log_id = LOG

    def grow(self, rows: int) -> None:
        """Append rows."""
        start = len(self.leaves)
        self.leaves += [sha256(str(number).encode()).digest() for number in range(start, start + rows)]

    async def next(self, first: int) -> OwnHead | None:
        """The present head."""
        if not self.leaves or first > len(self.leaves):
            return None
        begin = Frontier().extended(self.leaves[:first])
        proof = prove_consistency(begin, self.leaves[first:])
        size = len(self.leaves)
        head = TreeHead(
            organisation=self._organisation,
            log_id=self.log_id,
            size=size,
            root=begin.extended(self.leaves[first:]).root,
            chain=bytes(HASH),
            at=datetime.now(UTC),
        )
        return OwnHead(self._sign(write(head), TYP), size, first, proof)
