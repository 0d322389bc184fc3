"""Verification as its callers use it; what it accepts and refuses is in the federation cases."""

from collections.abc import Callable
from datetime import timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import load_certificate, load_chain
from control_plane.pki.path import Path, Purpose, Question, library_path, openssl_path
from control_plane.pki.profile import check_strength
from control_plane.pki.refusal import Refusal, RefusedError
from control_plane.pki.spiffe import check_uri_constraints
from control_plane.pki.verify import Anchors, Identity, TrustStore, authenticate, verify_chain
from tests.unit.pki.federation import FORGED, GOOD, LUEBECK, VISBY, organisation
from tests.unit.pki.minting import NOW, Minted, authority, chain_pem, constraints, crl_pem, leaf, mint


def store_of(*names: str) -> TrustStore:
    return {TrustDomain(name): Anchors.of(organisation(name).bundle()) for name in names}


def chain_of(*uris: str) -> tuple[x509.Certificate, ...]:
    return load_chain(chain_pem(*organisation(VISBY).leaf(leaf(*uris))))


def verify(chain: tuple[x509.Certificate, ...], store: TrustStore) -> Identity:
    return authenticate(chain, Purpose.CLIENT, now=NOW, store=store)


def code_of(chain: tuple[x509.Certificate, ...], store: TrustStore) -> str:
    with pytest.raises(RefusedError) as caught:
        verify(chain, store)
    return caught.value.code


def test_a_chain_becomes_an_identity_with_its_path_and_its_end() -> None:
    visby, chain = organisation(VISBY), chain_of(GOOD)

    identity = verify(chain, store_of(VISBY, LUEBECK))

    assert identity.spiffe_id == GOOD
    assert identity.path[1:] == (visby.issuing.certificate, visby.root.certificate)
    assert identity.expires == chain[0].not_valid_after_utc


def test_no_certificate_is_no_identity() -> None:
    assert code_of((), store_of(VISBY)) == Refusal.NOT_A_CERTIFICATE


def test_a_long_chain_is_not_looked_at_whoever_read_it() -> None:
    assert code_of(chain_of(GOOD) * 5, store_of(VISBY)) == Refusal.CHAIN_TOO_LONG


def test_a_bundle_under_another_name_vouches_for_nobody() -> None:
    mixed_up = {TrustDomain(LUEBECK): Anchors.of(organisation(VISBY).bundle())}

    assert code_of(chain_of(FORGED), mixed_up) == Refusal.UNKNOWN_TRUST_DOMAIN


def test_one_bundle_alone_is_asked_about_a_message() -> None:
    visby, luebeck = organisation(VISBY).bundle(), organisation(LUEBECK).bundle()

    assert verify_chain(chain_of(GOOD), visby, now=NOW) == GOOD
    with pytest.raises(RefusedError) as caught:
        verify_chain(chain_of(GOOD), luebeck, now=NOW)
    assert caught.value.code == Refusal.UNKNOWN_TRUST_DOMAIN


def test_a_bundle_that_was_stored_wrongly_is_found_when_it_is_taken_in() -> None:
    wrong = organisation(VISBY).bundle(anchors=(organisation(LUEBECK).root,))

    with pytest.raises(InvalidValueError) as caught:
        Anchors.of(wrong)

    assert caught.value.code == "foreign_anchor"


def test_revocation_lists_are_taken_in_with_their_bundle() -> None:
    visby = organisation(VISBY)

    assert len(Anchors.of(visby.bundle(crl_pem(visby.root))).crls) == 1
    with pytest.raises(InvalidValueError):
        Anchors.of(visby.bundle("no list"))


def test_our_own_reading_of_uri_constraints_refuses_what_a_library_let_pass() -> None:
    uri = x509.UniformResourceIdentifier
    below = organisation(VISBY).root.sign(
        authority("limited", constraints=constraints(permitted=[uri("a.example")]))
    )
    path = [minted.certificate for minted in (below.sign(leaf(GOOD)), below, organisation(VISBY).root)]

    with pytest.raises(RefusedError) as caught:
        check_uri_constraints(path)

    assert caught.value.code == Refusal.NAME_NOT_PERMITTED


@pytest.mark.parametrize("uri", ["urn:a:b", "", "spiffe:///x"])
def test_a_uri_without_a_host_is_outside_of_every_constraint(uri: str) -> None:
    limits = constraints(excluded=[x509.UniformResourceIdentifier("a.example")])
    below = mint(authority("limited", constraints=limits))

    with pytest.raises(RefusedError):
        check_uri_constraints([below.sign(leaf(uri)).certificate, below.certificate])


def test_openssl_refuses_a_leaf_with_name_constraints() -> None:
    root = organisation(VISBY).root
    limits = constraints(permitted=[x509.DNSName("visby.example")])
    chain = [root.sign(leaf(GOOD, constraints=limits)).certificate]

    with pytest.raises(RefusedError) as caught:
        openssl_path(chain, [root.certificate], Question(Purpose.CLIENT, NOW))

    assert caught.value.code == Refusal.BROKEN_PATH


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_a_serial_number_of_zero_is_refused() -> None:
    root = organisation(VISBY).root
    der = root.sign(leaf(GOOD, serial=1)).certificate.public_bytes(Encoding.DER)
    zero = load_certificate(der.replace(b"\x02\x01\x01", b"\x02\x01\x00", 1))

    with pytest.raises(RefusedError) as caught:
        check_strength([zero, root.certificate])

    assert caught.value.code == Refusal.BAD_SERIAL


def test_a_signature_of_a_kind_that_nobody_knows_is_weak() -> None:
    root = organisation(VISBY).root
    der = root.sign(leaf(GOOD)).certificate.public_bytes(Encoding.DER)
    unknown = load_certificate(
        der.replace(bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a8648ce3d04037f"))
    )

    with pytest.raises(RefusedError) as caught:
        check_strength([unknown, root.certificate])

    assert caught.value.code == Refusal.WEAK_SIGNATURE


def test_time_is_an_argument() -> None:
    store, chain = store_of(VISBY), chain_of(GOOD)

    with pytest.raises(RefusedError) as caught:
        authenticate(chain, Purpose.CLIENT, now=NOW + timedelta(days=2), store=store)

    assert caught.value.code == Refusal.EXPIRED


@pytest.mark.parametrize("hours", [-5, 0, 5])
@pytest.mark.parametrize("build", [library_path, openssl_path])
def test_the_time_means_the_same_in_every_zone(build: Callable[..., Path], hours: int) -> None:
    root = organisation(VISBY).root
    chain = [root.sign(leaf(GOOD, begin=NOW - timedelta(hours=1), end=NOW + timedelta(hours=1))).certificate]
    now = NOW.astimezone(timezone(timedelta(hours=hours)))

    assert build(chain, [root.certificate], Question(Purpose.CLIENT, now))


def test_the_anchor_itself_may_not_be_presented_as_somebody() -> None:
    anchor = Minted(organisation(VISBY).root.certificate, organisation(VISBY).root.key)

    assert code_of((anchor.certificate,), store_of(VISBY)) == Refusal.BAD_IDENTITY
