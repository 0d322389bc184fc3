"""Revocation lists where they enter; what they do to a path is in the federation cases."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from control_plane.model.crl import CrlPolicy
from control_plane.model.problem import InvalidValueError
from control_plane.pki.crl import MAX_CRL_TEXT, MAX_CRLS, check_crls, check_revocation, load_crl
from control_plane.pki.refusal import Refusal, RefusedError
from tests.unit.pki.federation import GOOD, VISBY, organisation
from tests.unit.pki.minting import DAY, NOW, chain_pem, crl_pem, key, leaf

POINT = x509.IssuingDistributionPoint(
    full_name=None,
    relative_name=None,
    only_contains_user_certs=True,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=False,
    only_contains_attribute_certs=False,
)


def make(*extensions: tuple[x509.ExtensionType, bool], weak: bool = False) -> str:
    root = organisation(VISBY).root
    builder = x509.CertificateRevocationListBuilder().issuer_name(root.certificate.subject)
    builder = builder.last_update(NOW - DAY).next_update(NOW + DAY)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    made = builder.sign(root.key, hashes.SHA224() if weak else hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


def code_of(text: str) -> str:
    with pytest.raises(InvalidValueError) as caught:
        check_crls(text)
    return caught.value.code


def test_lists_are_split_and_kept_in_their_order() -> None:
    visby = organisation(VISBY)
    one, two = crl_pem(visby.root, 7), crl_pem(visby.issuing)

    assert check_crls(f"{one}\n# the next\n{two}") == (one, two)


def test_a_list_may_say_whose_it_is() -> None:
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key().public_key())

    assert load_crl(make((x509.CRLNumber(1), False), (issuer, False))).next_update_utc == NOW + DAY


@pytest.mark.parametrize(
    "extensions",
    [
        pytest.param((), id="without a number"),
        pytest.param(((x509.CRLNumber(1), True),), id="with a critical number"),
        pytest.param(((x509.CRLNumber(2), False), (x509.DeltaCRLIndicator(1), True)), id="a delta"),
        pytest.param(
            ((x509.CRLNumber(2), False), (x509.DeltaCRLIndicator(1), False)), id="a delta, not critical"
        ),
        pytest.param(((x509.CRLNumber(1), False), (POINT, True)), id="a part"),
    ],
)
def test_a_list_that_is_not_whole_and_direct_is_refused(
    extensions: tuple[tuple[x509.ExtensionType, bool], ...],
) -> None:
    assert code_of(make(*extensions)) == "bad_crl"


def test_a_list_without_an_end_is_refused() -> None:
    der = load_crl(make((x509.CRLNumber(1), False))).public_bytes(Encoding.DER)
    end = der.index(b"\x17\x0d", der.index(b"\x17\x0d") + 2)
    # A sequence (30 81 length) around the list proper (30 length): both lose the 15 bytes of the time.
    assert (der[:2], der[3]) == (b"\x30\x81", 0x30)
    lengths = bytes([0x30, 0x81, der[2] - 15, 0x30, der[4] - 15])
    endless = x509.load_der_x509_crl(lengths + der[5:end] + der[end + 15 :])
    assert endless.next_update_utc is None

    assert code_of(endless.public_bytes(Encoding.PEM).decode()) == "bad_crl"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----",
        "-----BEGIN X509 CRL-----\nAAAA",
    ],
)
def test_what_is_no_list_is_refused(text: str) -> None:
    assert code_of(text) == "bad_crl"


def test_a_list_beside_something_else_is_refused() -> None:
    visby = organisation(VISBY)

    assert code_of(crl_pem(visby.root) + chain_pem(visby.root)) == "bad_crl"


def test_lists_have_limits() -> None:
    assert code_of(crl_pem(organisation(VISBY).root) * (MAX_CRLS + 1)) == "too_many_crls"
    assert code_of(" " * (MAX_CRL_TEXT + 1)) == "bad_crl"


def test_a_list_over_a_weak_hash_counts_for_nothing() -> None:
    visby = organisation(VISBY)
    path = [visby.root.sign(leaf(GOOD)).certificate, visby.root.certificate]
    weak = load_crl(make((x509.CRLNumber(1), False), weak=True))

    with pytest.raises(RefusedError) as caught:
        check_revocation(path, [weak], now=NOW, policy=CrlPolicy())

    assert caught.value.code == Refusal.CRL_MISSING
