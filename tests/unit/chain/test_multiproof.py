"""Some rows of a log are proven by themselves and by nodes for all others."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.chain.multiproof import Rebuilt, left_out
from control_plane.chain.tree import Frontier

LEAVES = [sha256(number.to_bytes(2)).digest() for number in range(300)]


def rebuilt(start: int, end: int, shown: set[int], leaves: list[bytes]) -> tuple[bytes, int]:
    """The root made of the shown leaves and of nodes for the others, and how many nodes that took."""
    made, at, nodes = Rebuilt.of(Frontier().extended(LEAVES[:start])), start, 0
    for number in [*sorted(one for one in shown if start <= one < end), end]:
        for level, node in left_out(at, LEAVES[at:number]):
            made.add(node, level)
            nodes += 1
        if number < end:
            made.add(leaves[number])
        at = number + 1
    return made.root, nodes


@given(st.integers(0, 300), st.integers(0, 300), st.sets(st.integers(0, 299), max_size=40))
def test_the_tree_is_built_again_whatever_is_left_out(one: int, other: int, shown: set[int]) -> None:
    start, end = sorted((one, other))

    root, nodes = rebuilt(start, end, shown, LEAVES)

    assert root == Frontier().extended(LEAVES[:end]).root
    assert nodes <= (len(shown) + 1) * 18


@given(st.integers(0, 299), st.sets(st.integers(0, 299), max_size=20), st.integers(0, 299))
def test_a_row_that_was_changed_gives_another_root(start: int, shown: set[int], bad: int) -> None:
    changed = list(LEAVES)
    changed[bad] = bytes(32)

    root, _ = rebuilt(min(start, bad), 300, shown | {bad}, changed)

    assert root != Frontier().extended(LEAVES).root


def test_all_rows_need_no_nodes() -> None:
    assert rebuilt(0, 300, set(range(300)), LEAVES)[1] == 0


@pytest.mark.parametrize("level", [-1, 1, 63])
def test_a_node_in_a_place_where_none_can_be_is_refused(level: int) -> None:
    made = Rebuilt.of(Frontier().extended(LEAVES[:5]))

    with pytest.raises(ValueError, match="expected a node"):
        made.add(bytes(32), level)
