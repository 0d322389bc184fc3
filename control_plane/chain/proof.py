"""Proofs of RFC 9162, sections 2.1.3 and 2.1.4: a leaf is in a tree; a tree continues another."""

from collections.abc import Sequence

from control_plane.chain.tree import HASH, Frontier, node_hash, split, subtree


class ProofError(ValueError):
    """The proof proves nothing; the text says why."""


def prove_inclusion(frontier: Frontier, leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The path from leaf ``index`` to the root of the tree of ``frontier`` and the ``leaves`` after it.

    ValueError unless the leaf is one of ``leaves``.
    """
    size = frontier.size + len(leaves)
    if not frontier.size <= index < size:
        raise ValueError(f"expected a leaf from {frontier.size} to {size - 1}, got {index}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + split(end - begin)
        if index < middle:
            path.append(subtree(frontier, leaves, middle, end))
            end = middle
        else:
            path.append(subtree(frontier, leaves, begin, middle))
            begin = middle
    return tuple(reversed(path))


def prove_consistency(frontier: Frontier, leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """That the tree of ``frontier`` and ``leaves`` continues the tree of ``frontier`` alone."""
    old, size = frontier.size, frontier.size + len(leaves)
    if old in {0, size}:
        return ()
    path: list[bytes] = []
    begin, end, is_whole = 0, size, True
    while old != end:
        middle = begin + split(end - begin)
        if old <= middle:
            path.append(subtree(frontier, leaves, middle, end))
            end = middle
        else:
            path.append(subtree(frontier, leaves, begin, middle))
            begin, is_whole = middle, False
    if not is_whole:
        path.append(subtree(frontier, leaves, begin, end))
    return tuple(reversed(path))


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raise ProofError unless ``leaf`` is number ``index`` of the tree of ``size`` with this root."""
    _check_lengths(leaf, root, *proof)
    if not 0 <= index < size:
        raise ProofError(f"expected an index below {size}, got {index}")
    node, last, made = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("expected a shorter proof")
        if node & 1 or node == last:
            made = node_hash(sibling, made)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            made = node_hash(made, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("expected a longer proof")
    if made != root:
        raise ProofError("the path leads to another root")


def verify_consistency(
    *, old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise ProofError unless the tree of ``size`` begins with the whole tree of ``old_size``."""
    if not 0 < old_size <= size:
        raise ProofError(f"expected a size from 1 to {size}, got {old_size}")
    if old_size == size:
        if proof or old_root != root:
            raise ProofError("expected the same root and no proof for the same size")
        return
    _check_lengths(old_root, root, *proof)
    path = list(proof)
    if not old_size & (old_size - 1):  # a whole subtree of the new tree: its root needs no proof
        path.insert(0, old_root)
    if not path:
        raise ProofError("expected a longer proof")
    _walk(path, old_size=old_size, old_root=old_root, size=size, root=root)


def _walk(path: list[bytes], *, old_size: int, old_root: bytes, size: int, root: bytes) -> None:
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = path[0]
    for one in path[1:]:
        if last == 0:
            raise ProofError("expected a shorter proof")
        if node & 1 or node == last:
            before, after = node_hash(one, before), node_hash(one, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, one)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("expected a longer proof")
    if before != old_root or after != root:
        raise ProofError("the path leads to other roots")


def _check_lengths(*hashes: bytes) -> None:
    if any(len(one) != HASH for one in hashes):
        raise ProofError(f"expected hashes of {HASH} bytes")
