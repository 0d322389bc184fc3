"""What may become a trust anchor, and what is refused before it is stored."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki.bundle import MAX_ANCHORS, MAX_BUNDLE, check_anchors
from control_plane.pki.certificate import load_certificate
from tests.unit.pki.federation import GOOD, LUEBECK, VISBY, organisation
from tests.unit.pki.minting import Minted, authority, chain_pem, key, key_pem, leaf, mint

OWN = TrustDomain(VISBY)


def anchor(subject: str = "an anchor", uri: str = "", /, **changes: object) -> Minted:
    return mint(authority(subject, *([uri] if uri else []), **changes))


def code_of(text: str) -> str:
    with pytest.raises(InvalidValueError) as caught:
        check_anchors(text, OWN)
    assert len(caught.value.detail) < 400
    return caught.value.code


def test_each_authority_becomes_one_text_in_its_order_and_comments_are_dropped() -> None:
    one, two = chain_pem(organisation(VISBY).root), chain_pem(anchor("nameless"))

    anchors = check_anchors(f"# Visby\n{one}\n \r\n# the next one\n{two}end", OWN)

    assert anchors == (one, two)


@pytest.mark.parametrize("kind", ["RSA-2048", "P-384", "P-521"])
def test_strong_keys_of_every_kind_may_anchor(kind: str) -> None:
    assert len(check_anchors(chain_pem(anchor(key=kind)), OWN)) == 1


def test_an_intermediate_may_anchor() -> None:
    assert len(check_anchors(chain_pem(organisation(VISBY).issuing), OWN)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"ca": False},
        {"ca": None},
        {"usages": None},
        {"usages": ("digital_signature",)},
    ],
)
def test_what_may_not_certify_is_no_anchor(changes: dict[str, object]) -> None:
    assert code_of(chain_pem(anchor(**changes))) == "not_a_ca"


def test_a_leaf_is_no_anchor() -> None:
    assert code_of(chain_pem(mint(leaf(GOOD)))) == "not_a_ca"


@pytest.mark.parametrize("kind", ["RSA-1024", "P-192", "secp256k1", "Ed25519", "DSA"])
def test_weak_and_unusual_keys_are_refused(kind: str) -> None:
    assert code_of(chain_pem(anchor(key=kind))) == "weak_key"


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://luebeck.example",
        "spiffe://visby.example/ca",
        "spiffe://visby.example.",
        "https://visby.example",
    ],
)
def test_an_authority_of_another_name_is_refused(uri: str) -> None:
    assert code_of(chain_pem(anchor("another", uri))) == "foreign_anchor"


def test_one_bad_authority_refuses_the_bundle() -> None:
    good = chain_pem(organisation(VISBY).root)

    assert code_of(good + chain_pem(organisation(LUEBECK).root)) == "foreign_anchor"
    assert code_of(good + good) == "duplicate_anchor"


def test_a_private_key_is_refused_whatever_is_around_it() -> None:
    good = chain_pem(organisation(VISBY).root)

    assert code_of(good + key_pem(key())) == "private_key_in_bundle"


@pytest.mark.parametrize("text", ["", " \n", "# nothing here"])
def test_an_empty_bundle_is_not_taken_for_withdrawn_trust(text: str) -> None:
    assert code_of(text) == "empty_bundle"


def test_torn_and_foreign_blocks_are_refused() -> None:
    good = chain_pem(organisation(VISBY).root)
    torn = good.replace("-----END CERTIFICATE-----", "")
    nested = good.replace("-----END", "-----BEGIN CERTIFICATE-----\n-----END")

    for text in (
        torn,
        good + torn,
        nested,
        good.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        good.replace("CERTIFICATE", "X509 CRL"),
        good + "-----BEGIN",
        good.replace("M", "!", 5),
        "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----",
    ):
        assert code_of(text) == "not_a_certificate"


def test_a_bundle_has_limits() -> None:
    many = "".join(chain_pem(anchor(f"anchor {number}")) for number in range(MAX_ANCHORS + 1))

    assert code_of(many) == "too_many_anchors"
    assert code_of(" " * (MAX_BUNDLE + 1)) == "bundle_too_large"


def test_a_key_that_nobody_can_read_is_weak() -> None:
    good = anchor("an anchor on an unknown curve").certificate
    p256, unknown = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03017f")
    der = good.public_bytes(Encoding.DER).replace(p256, unknown)
    unreadable = load_certificate(der)

    assert code_of(chain_pem(Minted(unreadable, key()))) == "weak_key"
