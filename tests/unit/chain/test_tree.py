"""The Merkle tree against the public vectors, and against the definition of RFC 6962 written down plainly."""

from base64 import b64decode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.chain.proof import (
    ProofError,
    prove_consistency,
    prove_inclusion,
    verify_consistency,
    verify_inclusion,
)
from control_plane.chain.tree import EMPTY_ROOT, Frontier, genesis, link
from tests.unit.chain.vectors import hashes, vectors


def leaf(number: int) -> bytes:
    return sha256(b"\x00%d" % number).digest()


def leaves(count: int) -> list[bytes]:
    return [leaf(number) for number in range(count)]


def root_by_definition(part: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not part:
        return sha256(b"").digest()
    if len(part) == 1:
        return part[0]
    middle = 1
    while middle * 2 < len(part):
        middle *= 2
    left, right = root_by_definition(part[:middle]), root_by_definition(part[middle:])
    return sha256(b"\x01" + left + right).digest()


def test_inclusion_proofs_are_judged_as_the_public_vectors_say() -> None:
    wrong = []
    for case in vectors("inclusion"):
        try:
            verify_inclusion(
                leaf=b64decode(case["leafHash"]),
                index=case["leafIdx"],
                size=case["treeSize"],
                proof=hashes(case["proof"]),
                root=b64decode(case["root"]),
            )
            accepted = True
        except ProofError:
            accepted = False
        if accepted is case["wantErr"]:
            wrong.append(case["file"])

    assert not wrong


def test_consistency_proofs_are_judged_as_the_public_vectors_say() -> None:
    wrong = []
    for case in vectors("consistency"):
        try:
            verify_consistency(
                old_size=case["size1"],
                old_root=b64decode(case["root1"]),
                size=case["size2"],
                root=b64decode(case["root2"]),
                proof=hashes(case["proof"]),
            )
            accepted = True
        except ProofError:
            accepted = False
        if accepted is case["wantErr"]:
            wrong.append(case["file"])

    assert not wrong


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_root_from_the_right_edge_is_that_of_the_definition(first: int, more: int) -> None:
    every = leaves(first + more)

    grown = Frontier().extended(every[:first]).extended(every[first:])

    assert grown.root == root_by_definition(every)
    assert Frontier.of(grown.size, grown.packed) == grown
    assert grown.size == first + more


def test_the_empty_tree_has_the_root_of_nothing() -> None:
    assert Frontier().root == EMPTY_ROOT == root_by_definition([])


@given(st.data())
def test_every_leaf_after_a_frontier_is_proven_and_no_other_leaf(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 200))
    known = data.draw(st.integers(0, size - 1))
    index = data.draw(st.integers(known, size - 1))
    every = leaves(size)
    frontier = Frontier().extended(every[:known])

    proof = prove_inclusion(frontier, every[known:], index)

    root = root_by_definition(every)
    verify_inclusion(leaf=every[index], index=index, size=size, proof=proof, root=root)
    with pytest.raises(ProofError):
        verify_inclusion(leaf=leaf(size), index=index, size=size, proof=proof, root=root)
    with pytest.raises(ProofError):
        verify_inclusion(leaf=every[index], index=index, size=size, proof=(*proof, leaf(1)), root=root)


@given(st.integers(1, 200), st.integers(0, 200))
def test_a_grown_tree_proves_that_it_continues_the_old_one(old: int, more: int) -> None:
    every = leaves(old + more)
    frontier = Frontier().extended(every[:old])

    proof = prove_consistency(frontier, every[old:])

    root = root_by_definition(every)
    verify_consistency(old_size=old, old_root=frontier.root, size=old + more, root=root, proof=proof)
    other = Frontier().extended([*every[: old - 1], leaf(old + more)]).root
    with pytest.raises(ProofError):
        verify_consistency(old_size=old, old_root=other, size=old + more, root=root, proof=proof)


def test_a_leaf_before_the_frontier_cannot_be_proven_from_it() -> None:
    every = leaves(5)
    frontier = Frontier().extended(every[:3])

    with pytest.raises(ValueError, match="expected a leaf from 3 to 4, got 1"):
        prove_inclusion(frontier, every[3:], 1)


@pytest.mark.parametrize(("size", "packed"), [(1, b""), (3, b"x" * 32), (2, b"x" * 31), (-1, b"")])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, packed: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        Frontier.of(size, packed)


def test_a_link_depends_on_the_log_on_what_came_before_on_the_leaf_and_on_the_time() -> None:
    start = genesis("luebeck.example", "log-1")
    first = link(start, leaf(1), 5)
    others = [
        link(genesis("luebeck.example", "log-2"), leaf(1), 5),
        link(genesis("visby.example", "log-1"), leaf(1), 5),
        link(start, leaf(2), 5),
        link(start, leaf(1), 6),
    ]

    assert first not in others
    assert len(set(others)) == 4
