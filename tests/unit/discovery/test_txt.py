"""TXT records as strangers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.discovery.txt import MAX_BYTES, MAX_STRINGS, Description, pairs, read
from control_plane.model.problem import InvalidValueError

GOOD = (b"txtvers=1", b"org=luebeck.example", b"spiffe=spiffe://luebeck.example/gateway/lb-1")


def code_of(strings: list[bytes]) -> str:
    with pytest.raises(InvalidValueError) as caught:
        read(strings)
    return caught.value.code


def test_every_key_is_read() -> None:
    said = read(
        [*GOOD, b"node=lb-1", b"version=1.4", b"region=eu", b"resources=orders, stock,,orders", b"rack=7"]
    )

    assert said == Description(
        node_id="lb-1",
        organisation="luebeck.example",
        spiffe_id="spiffe://luebeck.example/gateway/lb-1",
        version="1.4",
        region="eu",
        resources=("orders", "stock"),
        metadata=(("rack", "7"),),
    )


def test_of_a_key_that_is_there_twice_the_first_counts_in_whatever_case() -> None:
    assert read([b"ORG=luebeck.example", b"org=hamburg.example"]).organisation == "luebeck.example"


def test_the_first_counts_also_when_it_has_no_value() -> None:
    assert pairs([b"a", b"a=1", b"b=", b"b=2"]) == {"a": None, "b": b""}


def test_a_value_keeps_its_equals_signs_and_spaces() -> None:
    assert pairs([b"a= b=c "]) == {"a": b" b=c "}


def test_strings_without_a_key_are_ignored() -> None:
    assert pairs([b"", b"=", b"=value", b"\xff=1", b"a\x00=1"]) == {}


@pytest.mark.parametrize("strings", [[], [b""], [b"unrelated=1"], [b"org=", b"spiffe"]])
def test_a_record_without_our_keys_is_refused(strings: list[bytes]) -> None:
    assert code_of(strings) == "no_txt"


def test_a_record_that_is_too_long_is_refused() -> None:
    fits = [*GOOD, *(b"k%d=" % n + b"x" * 190 for n in range(4))]
    assert len(read(fits).metadata) == 4

    assert code_of([*fits, b"y" * 200]) == "txt_too_long"
    assert code_of([b"k=%d" % n for n in range(MAX_STRINGS + 1)]) == "txt_too_long"


def test_a_key_of_ours_that_is_not_utf8_is_refused() -> None:
    assert code_of([*GOOD, b"region=\xff\xfe"]) == "txt_not_utf8"


def test_another_version_is_refused() -> None:
    assert code_of([b"txtvers=2", *GOOD[1:]]) == "txt_version"


def test_metadata_that_is_no_text_is_left_out() -> None:
    said = read([*GOOD, b"raw=\xff\x00", b"bell=\x07", b"name=L\xc3\xbcbeck", b"flag"])

    assert said.metadata == (("flag", ""), ("name", "Lübeck"))


@given(st.lists(st.binary(max_size=255), max_size=300))
def test_whatever_the_bytes_there_is_a_description_or_a_code(strings: list[bytes]) -> None:
    try:
        said = read(strings)
    except InvalidValueError as error:
        refused = error
    else:
        assert sum(map(len, strings)) <= MAX_BYTES
        assert all(key.isascii() and value.isprintable() for key, value in said.metadata)
        return
    assert refused.code in {"no_txt", "txt_too_long", "txt_not_utf8", "txt_version"}
    assert refused.detail.isascii()


@given(st.lists(st.from_regex(rb"(org|ORG|node|x)(=[a-z]{0,3})?", fullmatch=True), max_size=20))
def test_what_comes_after_the_first_of_a_key_changes_nothing(strings: list[bytes]) -> None:
    assert pairs(strings + strings) == pairs(strings)
