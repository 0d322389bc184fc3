"""JSON that two readers could understand differently is refused."""

import json

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, dictionaries, integers, lists, none, recursive, text

from control_plane.kit.strict_json import DuplicateMemberError, StrictJsonError, read

VALUES = recursive(
    none() | booleans() | integers(-(10**15), 10**15) | text(max_size=20),
    lambda inner: lists(inner, max_size=4) | dictionaries(text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_a_plain_document_is_read_as_it_was_written(value: object) -> None:
    assert read(json.dumps(value).encode(), most=100_000) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{} {}",
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 21,
        b"[" * 100_000,
        b'"\xff"',
        '{"a":1}'.encode("utf-16"),
        b" " * 1001,
    ],
)
def test_what_is_not_strict_is_refused(data: bytes) -> None:
    with pytest.raises(StrictJsonError):
        read(data, most=1000 if data.startswith(b" ") else 1_000_000)


@pytest.mark.parametrize("data", [b'{"a":1,"a":1}', b'[{"b":{"a":1,"a":2}}]', b'{"a":1,"\\u0061":2}'])
def test_a_member_that_is_named_twice_is_refused(data: bytes) -> None:
    with pytest.raises(DuplicateMemberError):
        read(data, most=1000)
