"""YAML that means one thing, and never more than is written."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from control_plane.discovery.strict_yaml import Mapping, YamlError, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [true, null, ~, 1.5]", {"a": 1, "b": [True, None, None, 1.5]}),
        ("region: no\nsince: 2026-01-31\nat: 1:30\noctal: 010\nhex: 0x1f", None),
        ("a: .inf\nb: yes\nc: Null\nd: 1e5", None),
        ("'8443'", "8443"),
        ("a: |\n  two\n  lines", {"a": "two\nlines"}),
        ("", None),
    ],
)
def test_scalars_are_what_they_look_like(text: str, value: object) -> None:
    got = read(text)

    if value is None and text:
        assert isinstance(got, dict)
        assert all(isinstance(inner, str) for inner in got.values())
    else:
        assert got == value


def test_a_mapping_knows_its_line() -> None:
    document = read("nodes:\n  - a: 1\n  - b: 2\n")

    assert isinstance(document, Mapping)
    assert [entry.line for entry in document["nodes"]] == [2, 3]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: expected each key once, got 'a' twice"),
        ("a: &x [1]\nb: *x", "line 2: expected no alias, got *x"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "line 3: expected no alias"),
        ("a: !!python/object:os.system x", "line 1: expected no tag"),
        ("a: !mine 1", "line 1: expected no tag, got '!mine'"),
        ("1: a", "line 1: expected text as a key"),
        ("[a]: b", "line 1: expected text as a key"),
        ("a: 1\n  b: 2", "line 2"),
        ("a: 'b", "line 1"),
        ("a: \t- b", "line 1"),
        ("a: 1\n---\nb: 2", "line 2"),
        ("a: " + "9" * 21, "at most 20 digits"),
        ("[" * 40 + "]" * 40, "at most 32 levels"),
        ("[" * 200_000, "levels"),
        ("a: \x00", "expected YAML"),
    ],
)
def test_what_could_mean_two_things_or_too_much_is_refused_with_its_line(text: str, why: str) -> None:
    with pytest.raises(YamlError) as told:
        read(text)

    assert why in str(told.value)
    assert str(told.value).isprintable()


def test_a_thousand_laughs_are_none() -> None:
    laughs = "a: &a [x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )

    with pytest.raises(YamlError, match="line 2: expected no alias"):
        read(laughs)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_what_a_common_writer_writes_is_read_as_it_was(value: object) -> None:
    assert read(yaml.safe_dump(value)) == value


@given(st.text(alphabet=st.sampled_from("ab:-?{}[],&*!|>'\"%@#\n \t0~"), max_size=60))
def test_whatever_is_written_nothing_else_is_raised(text: str) -> None:
    try:
        value = read(text)
    except YamlError:
        return
    assert value is None or isinstance(value, str | int | float | bool | list | dict)
