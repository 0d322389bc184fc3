"""JSON that two readers could understand differently is refused."""

import json

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, dictionaries, integers, lists, none, recursive, sampled_from, text

from control_plane.kit.strict_json import DuplicateMemberError, StrictJsonError, elements, read

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


@given(lists(VALUES), sampled_from([None, 1]))
def test_an_array_is_read_element_by_element_as_it_is_as_a_whole(
    values: list[object], indent: int | None
) -> None:
    data = f" {json.dumps(values, indent=indent)}\n".encode()

    assert list(elements(data, most=len(data))) == values == read(data, most=len(data))


@given(text(alphabet='[]{},:"1a \n', max_size=12))
def test_what_is_no_array_is_refused_by_both_ways_of_reading(written: str) -> None:
    data = written.encode()
    try:
        whole = read(data, most=len(data))
    except StrictJsonError:
        whole = None

    if isinstance(whole, list):
        assert list(elements(data, most=len(data))) == whole
    else:
        with pytest.raises(StrictJsonError):
            list(elements(data, most=len(data)))


@pytest.mark.parametrize(
    "data", [b"[1, NaN]", b'["\xff"]', b"[" * 100_000, b'[{"a": 1, "a": 2}]', b"[1] x", b"[1,]"]
)
def test_an_array_that_two_readers_could_understand_differently_is_refused(data: bytes) -> None:
    with pytest.raises(StrictJsonError):
        list(elements(data, most=len(data)))
    with pytest.raises(StrictJsonError, match="at most 1 bytes"):
        list(elements(data, most=1))
