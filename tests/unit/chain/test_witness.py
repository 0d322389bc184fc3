"""A head is witnessed only when it continues the last one."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.chain.head import TreeHead
from control_plane.chain.proof import prove_consistency
from control_plane.chain.tree import HASH, Frontier
from control_plane.chain.witness import Offer, continues
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError

LEAVES = [sha256(bytes((number,))).digest() for number in range(64)]
LOG = "6f0d1b0a-0000-4000-8000-000000000001"


def head(size: int, leaves: list[bytes] = LEAVES) -> TreeHead:
    frontier = Frontier().extended(leaves[:size])
    return TreeHead(
        organisation=TrustDomain("luebeck.example"),
        log_id=LOG,
        size=size,
        root=frontier.root,
        chain=bytes(HASH),
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def offer(first: int, size: int, leaves: list[bytes] = LEAVES) -> Offer:
    proof = (
        prove_consistency(Frontier().extended(leaves[:first]), leaves[first:size]) if first <= size else ()
    )
    return Offer(head(size, leaves), first, proof)


def code(held: TreeHead, offered: Offer) -> str:
    with pytest.raises(InvalidValueError) as caught:
        continues(held, offered)
    return caught.value.code


@given(st.integers(0, 64), st.integers(0, 64))
def test_a_log_that_grows_is_witnessed_and_one_that_shrinks_is_not(old: int, new: int) -> None:
    if new < old:
        assert code(head(old), offer(old, new)) == "head_went_back"
    else:
        assert continues(head(old), offer(old, new))


@given(st.integers(1, 63), st.data())
def test_a_row_that_changed_is_found_wherever_it_is(old: int, data: st.DataObject) -> None:
    changed = list(LEAVES)
    changed[data.draw(st.integers(0, old - 1))] = bytes(HASH)
    new = data.draw(st.integers(old, 64))

    assert code(head(old), offer(old, new, changed)) == "head_forked"


def test_the_first_head_is_believed() -> None:
    assert continues(None, Offer(head(9), 0, ()))


def test_a_proof_from_another_size_is_asked_for_again() -> None:
    assert not continues(head(5), offer(3, 9))


def test_a_log_of_another_name_is_another_log() -> None:
    other = replace(head(9), log_id="6f0d1b0a-0000-4000-8000-000000000002")

    assert code(head(5), Offer(other, 5, offer(5, 9).proof)) == "head_forked"


@pytest.mark.parametrize("proof", [(), (bytes(31),), (bytes(HASH),) * 9])
def test_a_proof_that_proves_nothing_is_a_fork(proof: tuple[bytes, ...]) -> None:
    assert code(head(5), Offer(head(9), 5, proof)) == "head_forked"
