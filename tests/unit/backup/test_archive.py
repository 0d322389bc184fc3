"""Entries come back in order and whole, or not at all."""

import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.backup.archive import FRAME, Writer, entries
from control_plane.model.problem import InvalidValueError

CONTENTS = st.lists(
    st.tuples(st.text(max_size=20), st.sampled_from([0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME])),
    max_size=4,
)


class Heap:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, data: bytes, /) -> None:
        self.content += data


def written(*contents: tuple[str, bytes], finish: bool = True) -> bytes:
    heap = Heap()
    writer = Writer(heap)
    for name, content in contents:
        writer.add(name, content, size=len(content))
    if finish:
        writer.finish()
    return heap.content


def chunked(content: bytes, size: int = 4096) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@given(CONTENTS, st.integers(100, 100_000))
@settings(max_examples=25, deadline=None)
def test_everything_comes_back_however_the_stream_is_cut(contents: list[tuple[str, int]], size: int) -> None:
    given_ = [
        (name, bytes(range(256)) * (length // 256) + b"x" * (length % 256)) for name, length in contents
    ]

    found = [(one.name, one.facts["size"], one.content()) for one in entries(chunked(written(*given_), size))]

    assert found == [(name, len(content), content) for name, content in given_]


def test_what_is_not_read_is_passed_over() -> None:
    content = written(("one", b"1" * 3 * FRAME), ("two", b"2"))

    assert [one.name for one in entries(chunked(content))] == ["one", "two"]


def test_no_frame_is_larger_than_it_may_be() -> None:
    content = written(("one", b"1" * 5 * FRAME))

    (one,) = ([len(chunk) for chunk in one.chunks] for one in entries(chunked(content)))

    assert max(one) == FRAME


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_a_stream_that_ends_early_is_damaged(cut: float) -> None:
    content = written(("one", bytes(range(256)) * 4000), ("two", b"2" * 100))

    with pytest.raises(InvalidValueError) as caught:
        list(entries(chunked(content[: int(len(content) * cut)])))

    assert caught.value.code == "damaged_backup"


def test_a_manifest_that_names_something_else_or_is_missing_is_damaged() -> None:
    good = zlib.decompress(written(("one", b"1"), ("two", b"2")))
    other = good.replace(b'"name": "two", "sha256"', b'"name": "six", "sha256"')
    changed = good.replace(b"D\x00\x00\x00\x011", b"D\x00\x00\x00\x01x")
    unfinished = good[: good.index(b"M\x00")]
    assert good not in {other, changed}

    for bad in (other, changed, unfinished, good + good):
        with pytest.raises(InvalidValueError):
            list(entries(iter([zlib.compress(bad)])))
