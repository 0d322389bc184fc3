"""Whether a head that a partner offers continues what we have seen of its log (pure).

The first head is believed; from then on, each must continue the last one, and prove it (RFC 9162, 2.1.4). A
partner can so neither take back a row that we have witnessed nor keep two logs for two partners, since they
would need the same root.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.chain.head import TreeHead
from control_plane.chain.proof import ProofError, verify_consistency
from control_plane.model.problem import InvalidValueError

MAX_PROOF = 128  # hashes; more than any tree of 2^63 rows needs


@dataclass(frozen=True, slots=True)
class Offer:
    """A head, and the proof that it continues a tree of ``first`` rows (0: there is no such tree)."""

    head: TreeHead
    first: int
    proof: tuple[bytes, ...]


def continues(held: TreeHead | None, offer: Offer) -> bool:
    """Whether the head may take the place of the one that is held; False: a proof from that one is needed.

    InvalidValueError ``head_went_back`` or ``head_forked`` when it does not continue what is held.
    """
    head = offer.head
    if held is None:
        return True
    if head.log_id != held.log_id:
        raise InvalidValueError("head_forked", f"expected log {held.log_id}, got another one, {head.log_id}")
    if head.size < held.size:
        raise InvalidValueError(
            "head_went_back",
            f"expected at least the {held.size} rows of {held.at:%Y-%m-%d %H:%M}, got {head.size}",
        )
    if head.size > held.size > 0 and offer.first != held.size:
        return False
    _check(held, head, offer.proof if head.size > held.size else ())
    return True


def _check(held: TreeHead, head: TreeHead, proof: Sequence[bytes]) -> None:
    if held.size == 0:
        return
    try:
        verify_consistency(
            old_size=held.size, old_root=held.root, size=head.size, root=head.root, proof=proof
        )
    except ProofError as error:
        raise InvalidValueError(
            "head_forked", f"the head of {head.size} rows does not continue that of {held.size}: {error}"
        ) from error
