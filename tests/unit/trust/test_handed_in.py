"""Certificates that another authority makes: files that are handed in, or requests that it answers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.errors import UnavailableError
from control_plane.trust.authority import Authority
from control_plane.trust.ca_files import key_pem, new_key
from control_plane.trust.handed_in import HandedIn
from control_plane.trust.requested import Requested

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LUEBECK = TrustDomain("luebeck.example")
GATEWAY = SpiffeId("spiffe://luebeck.example/gateway/gw-1")
CONTROL_PLANE = SpiffeId("spiffe://luebeck.example/control-plane")


def csr_of(key: ec.EllipticCurvePrivateKey) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


class Elsewhere:
    """The other authority, and the directory where its operators put things."""

    def __init__(self, tmp_path: Path) -> None:
        self.authority = Authority.open(tmp_path / "elsewhere", LUEBECK, now=NOW)
        self.directory = tmp_path / "certificates"
        self.directory.mkdir(mode=0o700, exist_ok=True)

    def put(self, name: str, text: str, mode: int = 0o600) -> None:
        path = self.directory / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        beside = path.with_name("new")
        beside.write_text(text)
        beside.chmod(mode)
        beside.replace(path)

    def chain(self, csr: str, spiffe_id: SpiffeId, lifetime: timedelta = DAY) -> str:
        return self.authority.issue(csr, spiffe_id, lifetime=lifetime, now=NOW)

    def hand_in(self, name: str, spiffe_id: SpiffeId) -> ec.EllipticCurvePrivateKey:
        key = new_key()
        self.put(f"{name}/key.pem", key_pem(key).decode())
        self.put(f"{name}/chain.pem", self.chain(csr_of(key), spiffe_id))
        return key


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path)


@pytest.fixture
def files(elsewhere: Elsewhere) -> HandedIn:
    elsewhere.put("bundle.pem", "".join(elsewhere.authority.anchors()))
    elsewhere.hand_in("control-plane", CONTROL_PLANE)
    return HandedIn.open(elsewhere.directory, LUEBECK, now=NOW)


def test_what_is_handed_in_is_what_we_show(files: HandedIn, elsewhere: Elsewhere) -> None:
    assert files.anchors() == elsewhere.authority.anchors()
    assert files.bundle().sequence == int(NOW.timestamp())
    assert files.server_credentials(now=NOW).roots == elsewhere.authority.anchors()[0].encode()


def test_a_gateway_gets_the_chain_of_its_own_key(files: HandedIn, elsewhere: Elsewhere) -> None:
    key = elsewhere.hand_in("gw-1", GATEWAY)

    chain = files.issue(csr_of(key), GATEWAY, lifetime=DAY, now=NOW)

    assert chain == (elsewhere.directory / "gw-1/chain.pem").read_text()
    with pytest.raises(InvalidValueError) as caught:
        files.issue(csr_of(new_key()), GATEWAY, lifetime=DAY, now=NOW)
    assert caught.value.code == "wrong_key"


def test_a_new_chain_makes_its_gateway_ask_again_and_no_other(files: HandedIn, elsewhere: Elsewhere) -> None:
    other = SpiffeId("spiffe://luebeck.example/gateway/gw-2")
    before, others = files.signer(GATEWAY), files.signer(other)

    elsewhere.hand_in("gw-1", GATEWAY)

    assert files.signer(GATEWAY) != before
    assert files.signer(other) == others


def test_without_a_chain_the_gateway_is_told_to_wait(files: HandedIn) -> None:
    with pytest.raises(UnavailableError, match="got none yet"):
        files.issue(csr_of(new_key()), GATEWAY, lifetime=DAY, now=NOW)


@pytest.mark.parametrize(
    ("spiffe_id", "later", "code"),
    [
        (SpiffeId("spiffe://luebeck.example/gateway/gw-2"), timedelta(0), "foreign_identity"),
        (GATEWAY, 2 * DAY, "expired"),
    ],
)
def test_a_chain_that_partners_would_refuse_is_refused(
    files: HandedIn, elsewhere: Elsewhere, spiffe_id: SpiffeId, later: timedelta, code: str
) -> None:
    key = new_key()
    elsewhere.put("gw-1/chain.pem", elsewhere.chain(csr_of(key), spiffe_id))

    with pytest.raises(InvalidValueError) as caught:
        files.issue(csr_of(key), GATEWAY, lifetime=DAY, now=NOW + later)

    assert caught.value.code == code


@pytest.mark.parametrize("bad", ["garbage", ""])
@pytest.mark.parametrize("name", ["bundle.pem", "control-plane/chain.pem", "control-plane/key.pem"])
def test_bad_files_are_refused_and_the_last_good_ones_stay(
    files: HandedIn, elsewhere: Elsewhere, name: str, bad: str
) -> None:
    before = files.server_credentials(now=NOW), files.bundle()

    elsewhere.put(name, bad)

    assert (files.server_credentials(now=NOW), files.bundle()) == before
    with pytest.raises(InvalidValueError):
        HandedIn.open(elsewhere.directory, LUEBECK, now=NOW)


def test_the_anchors_of_somebody_else_are_refused(
    files: HandedIn, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    before = files.bundle()
    visby = Authority.open(tmp_path / "visby", TrustDomain("visby.example"), now=NOW)

    elsewhere.put("bundle.pem", visby.anchors()[0])
    files.look(NOW)

    assert files.bundle() == before


def test_a_bundle_with_a_second_root_is_taken_over_under_a_greater_sequence(
    files: HandedIn, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    before = files.bundle()
    second = Authority.open(tmp_path / "second", LUEBECK, now=NOW)

    elsewhere.put("bundle.pem", elsewhere.authority.anchors()[0] + second.anchors()[0])
    files.look(NOW)

    assert len(files.bundle().anchors) == 2
    assert files.bundle().sequence > before.sequence
    again = HandedIn.open(elsewhere.directory, LUEBECK, now=NOW + DAY)
    assert again.bundle() == files.bundle()


def test_a_key_that_others_can_read_is_refused(files: HandedIn, elsewhere: Elsewhere) -> None:
    del files
    (elsewhere.directory / "control-plane/key.pem").chmod(0o644)

    with pytest.raises(InvalidValueError) as caught:
        HandedIn.open(elsewhere.directory, LUEBECK, now=NOW)

    assert caught.value.code == "unsafe_mode"


def test_an_authority_that_is_elsewhere_is_asked_and_waited_for(elsewhere: Elsewhere) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Requested.open(elsewhere.directory, LUEBECK, now=NOW)
    assert caught.value.code == "certificate_pending"

    request = (elsewhere.directory / "requests/control-plane.csr").read_text()
    elsewhere.put("bundle.pem", "".join(elsewhere.authority.anchors()))
    elsewhere.put("control-plane/chain.pem", elsewhere.chain(request, CONTROL_PLANE))

    requested = Requested.open(elsewhere.directory, LUEBECK, now=NOW)
    assert requested.anchors() == elsewhere.authority.anchors()


def test_a_gateways_request_goes_out_and_its_certificate_comes_in(elsewhere: Elsewhere) -> None:
    with pytest.raises(InvalidValueError):
        Requested.open(elsewhere.directory, LUEBECK, now=NOW)
    own = (elsewhere.directory / "requests/control-plane.csr").read_text()
    elsewhere.put("bundle.pem", "".join(elsewhere.authority.anchors()))
    elsewhere.put("control-plane/chain.pem", elsewhere.chain(own, CONTROL_PLANE))
    requested = Requested.open(elsewhere.directory, LUEBECK, now=NOW)
    csr = csr_of(new_key())

    with pytest.raises(UnavailableError, match="waits to be signed"):
        requested.issue(csr, GATEWAY, lifetime=DAY, now=NOW)

    assert (elsewhere.directory / "requests/gw-1.csr").read_text() == csr
    elsewhere.put("gw-1/chain.pem", elsewhere.chain(csr, GATEWAY))
    assert requested.issue(csr, GATEWAY, lifetime=DAY, now=NOW).count("BEGIN") == 2
    with pytest.raises(UnavailableError, match="waits to be signed"):
        requested.issue(csr_of(new_key()), GATEWAY, lifetime=DAY, now=NOW)
