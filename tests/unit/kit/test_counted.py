"""Numbers of things, in words."""

import pytest

from control_plane.kit.counted import many


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (0, "node", "0 nodes"),
        (1, "node", "1 node"),
        (2, "address", "2 addresses"),
        (1, "request to approve", "1 request to approve"),
        (3, "request to approve", "3 requests to approve"),
        (12345, "row", "12,345 rows"),
    ],
)
def test_one_is_one_and_more_are_many(number: int, noun: str, words: str) -> None:
    assert many(number, noun) == words
