"""Names that imitate a known one, and names that do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.discovery.lookalike import Likenesses, mixes_scripts, shown_form, skeleton

KNOWN = Likenesses(["luebeck.example", "x.example"])


@pytest.mark.parametrize(
    "name",
    ["hamburg.example", "orders.luebeck.example", "example", "max.example", "beck.example", "luebeck.test"],
)
def test_another_name_is_no_imitation(name: str) -> None:
    assert KNOWN.of(name) == ""


def test_a_known_name_imitates_nobody_even_where_another_known_one_looks_alike() -> None:
    both = Likenesses(["vlsby.example", "visby.example"])

    assert both.of("vlsby.example") == both.of("visby.example") == ""
    assert both.of("v1sby.example")


@given(st.text(max_size=60))
def test_any_text_has_a_skeleton_that_is_its_own(text: str) -> None:
    assert KNOWN.of(text) in {"", "luebeck.example", "x.example"}
    assert skeleton(text) == skeleton(text.casefold())
    assert isinstance(mixes_scripts(text), bool)


def test_a_broken_punycode_label_is_shown_as_it_is() -> None:
    assert shown_form("xn--\u0430.example") == "xn--\u0430.example"
    assert shown_form("xn--99999999999.example")
