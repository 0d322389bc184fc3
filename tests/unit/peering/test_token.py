"""The text of a token: it comes back as it was, or it is refused."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis.strategies import integers, text

from control_plane.peering import token as tokens
from control_plane.peering.refusal import RefusedError
from tests.unit.peering.world import LUEBECK, Organisation, token_of

TEXT = tokens.render(token_of(Organisation.new(LUEBECK)))


def refusal(text: str) -> str:
    with pytest.raises(RefusedError) as caught:
        tokens.parse(text)
    return caught.value.code


def forged(content: bytes) -> str:
    """A token of somebody who knows the format."""
    body = urlsafe_b64encode(content).rstrip(b"=").decode()
    check = sha256(f"proxenia-1.{body}".encode()).digest()[:8]
    return f"proxenia-1.{body}.{urlsafe_b64encode(check).rstrip(b'=').decode()}"


def content() -> str:
    body = TEXT.split(".")[1]
    return urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()


def test_a_token_comes_back_as_it_was_made(luebeck: Organisation) -> None:
    token = token_of(luebeck)

    again = tokens.parse(f"  {tokens.render(token)}\n")

    assert again == token


def test_a_token_is_one_line_that_fits_a_url() -> None:
    assert set(TEXT) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert len(TEXT) < 1600


def test_a_token_never_shows_its_secret(luebeck: Organisation) -> None:
    token = token_of(luebeck)

    assert "secret" not in repr(token)
    assert repr(token.secret) not in repr(token)


@given(integers(0, len(TEXT) - 1), integers(1, 255))
def test_a_token_with_any_byte_changed_is_refused(place: int, flip: int) -> None:
    changed = TEXT[:place] + chr(ord(TEXT[place]) ^ flip) + TEXT[place + 1 :]

    if changed.strip() != TEXT:
        assert refusal(changed) == "bad_token"


@given(integers(0, len(TEXT) - 1), integers(0, len(TEXT) - 1))
def test_a_piece_of_a_token_is_refused(begin: int, end: int) -> None:
    assert refusal(TEXT[begin:end]) == "bad_token"


@given(text(max_size=200))
def test_what_is_no_token_is_refused(anything: str) -> None:
    assert refusal(anything) == "bad_token"
    assert refusal(f"proxenia-1.{anything}") == "bad_token"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"invited":"visby.example"', '"invited":"Visby.example"'),
        ('"inviter":"luebeck.example"', '"inviter":"visby.example"'),  # the anchor is Lübeck's
        ('"port":443', '"port":0'),
        ('"port":443', '"port":443.0'),
        ('"host":"2001:db8::1"', '"host":"127.1"'),
        ('"host":"2001:db8::1"', '"host":"fe80::1%1"'),
        ('"until":', '"until":-'),
        ('"id":"0', '"id":"g'),
        ('"id":"01', '"id":"'),
        ('"secret":"A', '"secret":"'),
        ('{"id"', '{"more":1,"id"'),
        ('{"id"', '{ "id"'),
        ('{"id":', '{"until":1,"id":'),
        ('"anchors":["', '"anchors":["AAAA","'),
    ],
)
def test_a_token_of_the_right_form_that_breaks_a_rule_is_refused(old: str, new: str) -> None:
    assert old in content()

    changed = forged(content().replace(old, new, 1).encode())

    assert refusal(changed) == "bad_token"


def test_a_token_of_a_later_version_says_so() -> None:
    with pytest.raises(RefusedError, match="update Proxenia"):
        tokens.parse(TEXT.replace("proxenia-1", "proxenia-2"))


def test_a_token_of_endless_length_is_refused() -> None:
    assert refusal("proxenia-1." + "A" * 10_000_000) == "bad_token"


def test_different_tokens_have_different_digests() -> None:
    assert tokens.digest(TEXT) == tokens.digest(f" {TEXT}\n")
    assert tokens.digest(TEXT) != tokens.digest(TEXT[:-1])
