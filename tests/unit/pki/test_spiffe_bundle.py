"""Bundles in SPIFFE's format: what is taken, and what is refused."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from control_plane.model.bundle import Bundle
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki import sign, spiffe_bundle, template
from control_plane.pki.certificate import to_pem

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LUEBECK = TrustDomain("luebeck.example")
SERIAL = 1 << 127


def root_of(domain: TrustDomain, curve: ec.EllipticCurve | None = None) -> str:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    made = template.root(domain, key.public_key(), serial=SERIAL, now=NOW, lifetime=DAY)
    return to_pem([sign.self_signed(made, key)])


ROOT = root_of(LUEBECK)
GOOD = spiffe_bundle.encode(Bundle(LUEBECK, (ROOT,), sequence=7), refresh_hint=300)


def document(**changes: object) -> bytes:
    return json.dumps({**json.loads(GOOD), **changes}).encode()


def keyed(**changes: object) -> bytes:
    key: dict[str, Any] = {**json.loads(GOOD)["keys"][0], **changes}
    return document(keys=[{name: value for name, value in key.items() if value is not None}])


def leaf() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    root_key = ec.generate_private_key(ec.SECP256R1())
    wanted = template.root(LUEBECK, root_key.public_key(), serial=SERIAL, now=NOW, lifetime=DAY)
    root = sign.self_signed(wanted, root_key)
    spiffe_id = SpiffeId("spiffe://luebeck.example/a")
    made = template.leaf(spiffe_id, key.public_key(), serial=SERIAL, now=NOW, lifetime=DAY)
    return to_pem([sign.signed(made, root, root_key)])


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidValueError) as caught:
        call()
    return caught.value.code


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_bundle_comes_back_as_it_was_written(curve: ec.EllipticCurve) -> None:
    bundle = Bundle(LUEBECK, (ROOT, root_of(LUEBECK, curve)), sequence=12)

    read = spiffe_bundle.parse(spiffe_bundle.encode(bundle, refresh_hint=60), LUEBECK)

    assert read == spiffe_bundle.Document(bundle, 60)


def test_a_bundle_without_authorities_says_that_trust_is_withdrawn() -> None:
    read = spiffe_bundle.parse(document(keys=[], spiffe_refresh_hint=None), LUEBECK)

    assert read.bundle.anchors == ()
    assert read.refresh_hint is None


@pytest.mark.parametrize("use", ["jwt-svid", "sig", None, 7])
def test_keys_for_other_uses_are_ignored(use: object) -> None:
    other = {"kty": "EC", "use": use, "kid": "a"}

    read = spiffe_bundle.parse(document(keys=[other, json.loads(GOOD)["keys"][0]]), LUEBECK)

    assert read.bundle.anchors == (ROOT,)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_a_bundle"),
        (b"<!doctype html><title>Welcome</title>", "not_a_bundle"),
        (b"[]", "not_a_bundle"),
        (b"{}", "not_a_bundle"),
        (b'{"keys":{}}', "not_a_bundle"),
        (b'{"keys":null,"spiffe_sequence":1}', "not_a_bundle"),
        (b'{"keys":[1],"spiffe_sequence":1}', "not_a_bundle"),
        (b"[" * 500_000, "not_a_bundle"),
        (b" " * (1 << 20) + b"{}", "not_a_bundle"),
        (b"\xff", "not_a_bundle"),
        (b'{"keys":[],"spiffe_sequence":1' + b"0" * 5000 + b"}", "not_a_bundle"),
        (b'{"keys":[],"keys":[],"spiffe_sequence":1}', "duplicate_member"),
        (b'{"keys":[{"use":"x509-svid","use":"sig"}],"spiffe_sequence":1}', "duplicate_member"),
        (document(keys=[{}] * 257), "not_a_bundle"),
        (document(spiffe_sequence=None), "bad_sequence"),
        (document(spiffe_sequence=-1), "bad_sequence"),
        (document(spiffe_sequence=1.0), "bad_sequence"),
        (document(spiffe_sequence=True), "bad_sequence"),
        (document(spiffe_sequence="7"), "bad_sequence"),
        (document(spiffe_sequence=2**63), "bad_sequence"),
        (document(spiffe_refresh_hint=-1), "bad_sequence"),
        (document(keys=json.loads(GOOD)["keys"] * 2), "duplicate_anchor"),
        (document(keys=json.loads(GOOD)["keys"] * 33), "too_many_anchors"),
        (keyed(x5c=None), "not_a_bundle"),
        (keyed(x5c=[]), "not_a_bundle"),
        (keyed(x5c="MII="), "not_a_bundle"),
        (keyed(x5c=json.loads(GOOD)["keys"][0]["x5c"] * 2), "not_a_bundle"),
        (keyed(x5c=["MIIB"]), "not_a_certificate"),
        (keyed(x5c=["%"]), "not_a_certificate"),
        (keyed(kty="RSA"), "key_mismatch"),
        (keyed(kty=None), "key_mismatch"),
        (keyed(crv="P-384"), "key_mismatch"),
        (keyed(x="A" * 43), "key_mismatch"),
        (keyed(x=7), "key_mismatch"),
        (keyed(d="A" * 43), "private_key_in_bundle"),
        (document(keys=[{"kty": "oct", "k": "AAAA"}]), "private_key_in_bundle"),
        (document(keys=[{"kty": "RSA", "p": "AAAA", "use": "jwt-svid"}]), "private_key_in_bundle"),
    ],
)  # fmt: skip
def test_a_document_that_breaks_a_rule_is_refused_as_a_whole(data: bytes, code: str) -> None:
    assert code_of(lambda: spiffe_bundle.parse(data, LUEBECK)) == code


@pytest.mark.parametrize(
    ("anchor", "code"),
    [(leaf(), "not_a_ca"), (root_of(TrustDomain("visby.example")), "foreign_anchor")],
)
def test_a_certificate_that_may_not_anchor_this_organisation_is_refused(anchor: str, code: str) -> None:
    data = spiffe_bundle.encode(Bundle(LUEBECK, (anchor,)), refresh_hint=1)

    assert code_of(lambda: spiffe_bundle.parse(data, LUEBECK)) == code


def test_members_of_the_key_may_be_missing_but_not_wrong() -> None:
    assert spiffe_bundle.parse(keyed(x=None, y=None, crv=None), LUEBECK).bundle.anchors == (ROOT,)
