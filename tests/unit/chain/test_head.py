"""Heads of logs: one form each, read strictly, and signed so that whoever has the bundle can verify them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from control_plane.chain.head import TYP, TreeHead, read, write
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki import jws
from tests.unit.peering.world import LUEBECK, NOW, VISBY, Organisation

HEAD = TreeHead(
    organisation=TrustDomain("luebeck.example"),
    log_id="6f7a5f0e-4f0b-4d0c-9a53-0d1f3f2b7c11",
    size=12,
    root=b"r" * 32,
    chain=b"c" * 32,
    at=datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC),
    batch=1 << 40,
    previous=b"p" * 32,
)


def test_a_head_reads_as_it_was_written() -> None:
    assert read(write(HEAD)) == HEAD


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        write(HEAD) + b" ",
        write(HEAD).replace(b'"size":12', b'"size":12.0'),
        write(HEAD).replace(b'"size":12', b'"size":-1'),
        write(HEAD).replace(b'"size":12', b'"size":true'),
        write(HEAD).replace(b'"size":12', b'"size":9223372036854775808'),
        write(HEAD).replace(b'"size":12', b'"more":1,"size":12'),
        write(HEAD).replace(b"7272", b"727", 1),
        write(HEAD).replace(b"7272", b" 72 72", 1),
        write(HEAD).replace(b"luebeck", b"L\xc3\xbcbeck"),
        write(HEAD).replace(b"+00:00", b"+01:00"),
        write(HEAD).replace(b"6f7a", b"6F7A"),
        json.dumps(json.loads(write(HEAD))).encode(),
    ],
)
def test_what_is_no_head_or_another_form_of_one_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidValueError) as caught:
        read(payload)

    assert caught.value.code == "bad_head"


@pytest.mark.parametrize(
    "wrong",
    [
        {"root": b"short"},
        {"chain": b""},
        {"size": -1},
        {"at": datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=1)))},
    ],
)
def test_a_head_that_cannot_be_is_not_made(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError, match="expected"):
        replace(HEAD, **wrong)  # type: ignore[arg-type] # the names are checked by replace


def test_a_partner_verifies_a_signed_head_with_our_bundle_and_with_no_other() -> None:
    luebeck, visby = Organisation.new(LUEBECK), Organisation.new(VISBY)
    text = jws.seal(write(HEAD), TYP, key=luebeck.key, chain=luebeck.chain)

    sealed = jws.read(text, TYP)

    assert jws.signed_by(sealed, luebeck.bundle, now=NOW) == "spiffe://luebeck.example/control-plane"
    assert read(sealed.payload) == HEAD
    with pytest.raises(InvalidValueError):
        jws.signed_by(sealed, visby.bundle, now=NOW)
    with pytest.raises(InvalidValueError):
        jws.signed_by(replace(sealed, text=text[:-4] + b"AAAA"), luebeck.bundle, now=NOW)
