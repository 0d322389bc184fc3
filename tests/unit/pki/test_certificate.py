"""Certificates as people see them, chains as peers send them, fingerprints as people say them."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import (
    MAX_CHAIN,
    certificate_info,
    describe,
    load_certificate,
    load_chain,
    serial_hex,
    to_pem,
)
from control_plane.pki.words import WORDS, anchors_digest, fingerprint_words
from tests.unit.pki.federation import GOOD, VISBY, organisation
from tests.unit.pki.minting import ANY, CLIENT, NOW, SERVER, Wish, chain_pem, leaf, mint


def code_of(text: bytes | str) -> str:
    with pytest.raises(InvalidValueError) as caught:
        load_chain(text)
    return caught.value.code


def test_a_certificate_reads_the_same_from_pem_and_der() -> None:
    minted = mint(leaf(GOOD, usages=("digital_signature", "key_encipherment"), serial=0xABC))

    from_pem = certificate_info(chain_pem(minted))
    from_der = certificate_info(minted.certificate.public_bytes(Encoding.DER))

    assert from_pem == from_der
    assert from_pem.subject == from_pem.issuer == "CN=workload"
    assert from_pem.serial_number == "0abc"
    assert from_pem.spiffe_id == GOOD
    assert from_pem.key_usage == ("digital_signature", "key_encipherment")
    assert from_pem.extended_key_usage == ("server_auth", "client_auth")
    assert (from_pem.not_before < NOW < from_pem.not_after) is True
    assert len(from_pem.fingerprint_sha256) == 64


def test_usages_without_a_name_are_shown_as_numbers() -> None:
    odd = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.17")

    info = describe(mint(leaf(GOOD, extended=(ANY, CLIENT, odd))).certificate)

    assert info.extended_key_usage == ("any", "client_auth", "1.3.6.1.5.5.7.3.17")


@pytest.mark.parametrize(
    "wish",
    [
        leaf(usages=None, extended=None),
        leaf(GOOD, GOOD, usages=None, extended=None),
        leaf("spiffe://visby.example", usages=None, extended=None),
        Wish(names=(), usages=None, extended=None),
    ],
)
def test_what_is_not_exactly_one_id_is_shown_as_none(wish: Wish) -> None:
    info = describe(mint(wish).certificate)

    assert info.spiffe_id is None
    assert (info.key_usage, info.extended_key_usage) == ((), ())


def test_serial_numbers_have_two_digits_a_byte_as_envoy_writes_them() -> None:
    assert [serial_hex(number) for number in (0x1, 0x12, 0x123)] == ["01", "12", "0123"]


def test_a_chain_is_read_in_its_order_and_written_back() -> None:
    visby = organisation(VISBY)
    text = chain_pem(*visby.leaf(leaf(GOOD)), visby.root)

    chain = load_chain(text.encode())

    assert to_pem(chain) == text
    assert chain[-1] == visby.root.certificate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n\ud800\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_is_no_certificate_is_refused(text: str) -> None:
    assert code_of(text) == "not_a_certificate"


def test_a_certificate_that_is_too_large_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="65536"):
        load_certificate(b"\x30" * 70_000)


def test_more_certificates_than_we_look_at_are_refused() -> None:
    assert code_of(chain_pem(organisation(VISBY).root) * (MAX_CHAIN + 1)) == "chain_too_long"


def test_a_certificate_with_an_extension_that_cannot_be_read_is_refused() -> None:
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.30"), b"\x04\x00")

    assert (
        code_of(chain_pem(mint(leaf(GOOD, extended=(SERVER,), more=((broken, False),)))))
        == "not_a_certificate"
    )


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_certificate_or_a_clear_error(data: bytes) -> None:
    for text in (data, b"-----BEGIN CERTIFICATE-----\n" + data):
        with pytest.raises(InvalidValueError):
            load_certificate(text)


def test_there_are_256_different_words_that_are_easy_to_say() -> None:
    assert len(set(WORDS)) == 256
    assert all(word.isascii() and word.isalpha() and word.islower() and 3 <= len(word) <= 8 for word in WORDS)


def test_a_fingerprint_in_words_never_changes() -> None:
    assert (
        fingerprint_words(bytes(range(32))) == "acorn agent alarm album alder amber angle ankle apple apron"
    )


def test_the_digest_of_a_bundle_does_not_depend_on_its_order_but_on_its_content() -> None:
    one, two = organisation(VISBY).root.certificate, organisation("luebeck.example").root.certificate

    assert anchors_digest([one, two]) == anchors_digest([two, one])
    assert len({anchors_digest(set_) for set_ in ([], [one], [two], [one, two])}) == 4
