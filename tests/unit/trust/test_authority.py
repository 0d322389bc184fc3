"""Our own authority on disk: made once, read strictly, renewed while its root may be away."""

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import describe, load_certificate, load_chain
from control_plane.trust.authority import Authority
from control_plane.trust.ca_files import key_pem, new_key

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LUEBECK = TrustDomain("luebeck.example")
GATEWAY = SpiffeId("spiffe://luebeck.example/gateway/1")


def make_csr() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def verify(chain_pem: str, anchors: tuple[str, ...], now: datetime) -> None:
    leaf, *intermediates = load_chain(chain_pem)
    store = Store([load_certificate(anchor) for anchor in anchors])
    PolicyBuilder().store(store).time(now).build_client_verifier().verify(leaf, intermediates)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidValueError) as caught:
        call()
    return caught.value.code


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ca"


def test_the_first_start_makes_an_authority_and_the_next_one_reads_it(ca: Path) -> None:
    first = Authority.open(ca, LUEBECK, now=NOW)
    second = Authority.open(ca, LUEBECK, now=NOW + HOUR)

    assert first.anchors() == second.anchors()
    assert ca.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in ca.iterdir()} == {
        "root.pem": 0o600,
        "root.key": 0o600,
        "issuing.pem": 0o600,
    }


def test_processes_that_start_at_once_make_one_authority(ca: Path) -> None:
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(Authority.open(ca, LUEBECK, now=NOW).anchors()))
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1


def test_what_a_killed_process_left_behind_is_no_obstacle(ca: Path) -> None:
    left = ca.with_name(".ca.new")
    left.mkdir(parents=True)
    (left / "root.key").write_text("half")

    authority = Authority.open(ca, LUEBECK, now=NOW)

    assert authority.anchors()
    assert not left.exists()


def test_a_leaf_verifies_against_the_root_alone(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)

    chain = authority.issue(make_csr(), GATEWAY, lifetime=24 * HOUR, now=NOW)

    verify(chain, authority.anchors(), NOW)
    leaf, issuing = load_chain(chain)
    assert describe(leaf).spiffe_id == GATEWAY
    assert leaf.not_valid_after_utc == NOW + DAY
    assert issuing.subject != load_certificate(authority.anchors()[0]).subject


def test_another_authority_does_not_verify_our_leaf(ca: Path, tmp_path: Path) -> None:
    chain = Authority.open(ca, LUEBECK, now=NOW).issue(make_csr(), GATEWAY, lifetime=DAY, now=NOW)
    other = Authority.open(tmp_path / "other", LUEBECK, now=NOW)

    with pytest.raises(VerificationError):
        verify(chain, other.anchors(), NOW)


def test_serial_numbers_are_random_and_long(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)

    leaves = [load_chain(authority.issue(make_csr(), GATEWAY, lifetime=DAY, now=NOW))[0] for _ in range(5)]

    serials = {leaf.serial_number for leaf in leaves}
    assert len(serials) == 5
    assert {serial.bit_length() for serial in serials} == {128}


def test_no_identity_of_another_organisation_is_signed(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)
    foreign = SpiffeId("spiffe://visby.example/gateway/1")

    assert code_of(lambda: authority.issue(make_csr(), foreign, lifetime=DAY, now=NOW)) == "foreign_identity"


def test_the_bundle_holds_the_roots_and_a_sequence(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)

    bundle = authority.bundle()

    assert bundle.organisation == LUEBECK
    assert bundle.anchors == authority.anchors()
    assert bundle.sequence > 0


def test_the_intermediate_is_renewed_at_half_of_its_life(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)
    before = load_chain(authority.issue(make_csr(), GATEWAY, lifetime=DAY, now=NOW))[1]
    later = NOW + 16 * DAY

    chain = authority.issue(make_csr(), GATEWAY, lifetime=DAY, now=later)

    assert load_chain(chain)[1] != before
    verify(chain, authority.anchors(), later)
    again = Authority.open(ca, LUEBECK, now=later).issue(make_csr(), GATEWAY, lifetime=DAY, now=later)
    assert load_chain(again)[1] == load_chain(chain)[1]


def test_two_processes_renew_the_intermediate_once(ca: Path) -> None:
    one, two = Authority.open(ca, LUEBECK, now=NOW), Authority.open(ca, LUEBECK, now=NOW)
    later = NOW + 16 * DAY

    issuers = {load_chain(a.issue(make_csr(), GATEWAY, lifetime=DAY, now=later))[1] for a in (one, two)}

    assert len(issuers) == 1


def test_without_the_roots_key_signing_goes_on_until_the_intermediate_ends(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)
    (ca / "root.key").rename(ca.parent / "safe")

    late = NOW + 30 * DAY - HOUR
    chain = authority.issue(make_csr(), GATEWAY, lifetime=DAY, now=late)

    verify(chain, authority.anchors(), late)
    assert load_chain(chain)[0].not_valid_after_utc == NOW + 30 * DAY
    ended = NOW + 30 * DAY
    assert (
        code_of(lambda: authority.issue(make_csr(), GATEWAY, lifetime=DAY, now=ended)) == "root_key_missing"
    )
    (ca.parent / "safe").rename(ca / "root.key")
    verify(authority.issue(make_csr(), GATEWAY, lifetime=DAY, now=ended), authority.anchors(), ended)


def test_the_control_planes_own_certificate_is_renewed_at_half_of_its_life(ca: Path) -> None:
    authority = Authority.open(ca, LUEBECK, now=NOW)

    first = authority.server_credentials(now=NOW)
    same = authority.server_credentials(now=NOW + 11 * HOUR)
    renewed = authority.server_credentials(now=NOW + 13 * HOUR)

    leaf = load_chain(first.chain)[0]
    assert describe(leaf).spiffe_id == "spiffe://luebeck.example/control-plane"
    assert load_pem_private_key(first.key, None).public_key() == leaf.public_key()
    assert first == same
    assert first.chain != renewed.chain
    assert first.roots == "".join(authority.anchors()).encode()
    assert "BEGIN" not in repr(first)


@pytest.mark.parametrize(("name", "mode"), [("root.key", 0o640), ("issuing.pem", 0o604), (".", 0o750)])
def test_files_that_others_can_read_are_refused(ca: Path, name: str, mode: int) -> None:
    Authority.open(ca, LUEBECK, now=NOW)
    (ca / name).chmod(mode)

    assert code_of(lambda: Authority.open(ca, LUEBECK, now=NOW)) == "unsafe_mode"


def test_a_link_in_place_of_a_key_is_refused(ca: Path) -> None:
    Authority.open(ca, LUEBECK, now=NOW)
    (ca / "root.key").rename(ca.parent / "elsewhere")
    (ca / "root.key").symlink_to(ca.parent / "elsewhere")

    assert code_of(lambda: Authority.open(ca, LUEBECK, now=NOW)) == "unsafe_file"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_key_of_another_user_is_refused(ca: Path) -> None:
    Authority.open(ca, LUEBECK, now=NOW)
    os.chown(ca / "root.key", 1, 1)

    assert code_of(lambda: Authority.open(ca, LUEBECK, now=NOW)) == "unsafe_owner"


def test_the_authority_of_one_trust_domain_does_not_serve_another(ca: Path) -> None:
    Authority.open(ca, LUEBECK, now=NOW)

    assert code_of(lambda: Authority.open(ca, TrustDomain("visby.example"), now=NOW)) == "foreign_anchor"


def test_a_root_that_names_no_trust_domain_is_refused(ca: Path) -> None:
    Authority.open(ca, LUEBECK, now=NOW)
    key = new_key()
    name = x509.Name([])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    nameless = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    (ca / "root.pem").write_bytes(nameless.public_bytes(Encoding.PEM))

    assert code_of(lambda: Authority.open(ca, LUEBECK, now=NOW)) == "broken_authority"


def test_a_root_and_an_intermediate_that_do_not_belong_together_are_refused(ca: Path, tmp_path: Path) -> None:
    Authority.open(ca, LUEBECK, now=NOW)
    Authority.open(tmp_path / "other", LUEBECK, now=NOW)
    (tmp_path / "other" / "root.pem").replace(ca / "root.pem")

    assert code_of(lambda: Authority.open(ca, LUEBECK, now=NOW)) == "broken_authority"


@pytest.mark.parametrize("content", [b"nothing", key_pem(new_key())])
def test_an_intermediate_without_its_own_key_is_refused(ca: Path, content: bytes) -> None:
    Authority.open(ca, LUEBECK, now=NOW)
    issuing = ca / "issuing.pem"
    certificate = issuing.read_bytes()[issuing.read_bytes().find(b"-----BEGIN CERT") :]
    issuing.write_bytes(content + b"\n" + certificate)

    assert code_of(lambda: Authority.open(ca, LUEBECK, now=NOW)) == "broken_authority"


def test_a_missing_file_is_named_and_the_way_out_too(ca: Path) -> None:
    Authority.open(ca, LUEBECK, now=NOW)
    (ca / "issuing.pem").unlink()

    with pytest.raises(InvalidValueError, match=r"issuing\.pem.*backup") as caught:
        Authority.open(ca, LUEBECK, now=NOW)

    assert caught.value.code == "broken_authority"
