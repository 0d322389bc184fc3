"""What our certificates say, and what a request can and cannot ask for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes as PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki import sign, template
from control_plane.pki.certificate import describe

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LUEBECK = TrustDomain("luebeck.example")
GATEWAY = SpiffeId("spiffe://luebeck.example/gateway/1")
SERIAL = 1 << 127


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def make_root(root_key: ec.EllipticCurvePrivateKey, *, days: int = 100) -> x509.Certificate:
    return sign.self_signed(
        template.root(LUEBECK, root_key.public_key(), serial=SERIAL, now=NOW, lifetime=days * DAY), root_key
    )


def make_csr(csr_key: PrivateKey, *, algorithm: hashes.SHA256 | None = hashes.SHA256()) -> str:  # noqa: B008 - has no state
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anything")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://visby.example/gateway/1")]),
        critical=False,
    )
    return builder.sign(csr_key, algorithm).public_bytes(Encoding.PEM).decode()


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidValueError) as caught:
        call()
    return caught.value.code


def test_a_root_an_intermediate_and_a_leaf_carry_exactly_what_the_standard_asks_for() -> None:
    root_key, issuing_key, leaf_key = key(), key(), key()
    root = make_root(root_key)

    issuing = sign.signed(
        template.intermediate(
            LUEBECK, issuing_key.public_key(), serial=SERIAL + 1, now=NOW, lifetime=30 * DAY
        ),
        root,
        root_key,
    )
    leaf = sign.signed(
        template.leaf(GATEWAY, leaf_key.public_key(), serial=SERIAL + 2, now=NOW, lifetime=DAY),
        issuing,
        issuing_key,
    )

    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    info = describe(leaf)
    assert info.spiffe_id == GATEWAY
    assert info.key_usage == ("digital_signature",)
    assert set(info.extended_key_usage) == {"server_auth", "client_auth"}
    assert info.not_before == NOW - timedelta(minutes=5)
    assert info.not_after == NOW + DAY
    assert info.serial_number == f"{SERIAL + 2:x}"
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert issuing.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 1
    assert describe(issuing).key_usage == ("key_cert_sign", "crl_sign")
    assert describe(issuing).spiffe_id is None  # a trust domain is nobody's identity
    assert issuing.subject != root.subject


def test_a_leaf_never_outlives_its_issuer() -> None:
    root_key = key()
    root = make_root(root_key, days=2)

    leaf = sign.signed(
        template.leaf(GATEWAY, key().public_key(), serial=SERIAL, now=NOW, lifetime=10 * DAY), root, root_key
    )

    assert leaf.not_valid_after_utc == root.not_valid_after_utc


def test_an_issuer_that_has_ended_signs_nothing() -> None:
    root_key = key()
    late = template.leaf(GATEWAY, key().public_key(), serial=SERIAL, now=NOW + 200 * DAY, lifetime=DAY)

    assert code_of(lambda: sign.signed(late, make_root(root_key), root_key)) == "issuer_expired"


def test_only_the_issuers_own_key_signs() -> None:
    wanted = template.leaf(GATEWAY, key().public_key(), serial=SERIAL, now=NOW, lifetime=DAY)

    assert code_of(lambda: sign.signed(wanted, make_root(key()), key())) == "wrong_issuer_key"


def test_an_anchor_is_an_authority_with_its_own_key() -> None:
    own, other = key(), key()
    leaf = template.leaf(GATEWAY, own.public_key(), serial=SERIAL, now=NOW, lifetime=DAY)
    root = template.root(LUEBECK, own.public_key(), serial=SERIAL, now=NOW, lifetime=DAY)

    assert code_of(lambda: sign.self_signed(leaf, own)) == "bad_anchor"
    assert code_of(lambda: sign.self_signed(root, other)) == "bad_anchor"


@pytest.mark.parametrize("serial", [0, 1, -1, 1 << 62, 1 << 128])
def test_a_serial_that_cannot_be_128_random_bits_is_refused(serial: int) -> None:
    public = key().public_key()

    assert (
        code_of(lambda: template.leaf(GATEWAY, public, serial=serial, now=NOW, lifetime=DAY)) == "bad_serial"
    )


def test_a_certificate_ends_after_it_begins() -> None:
    public = key().public_key()

    assert (
        code_of(lambda: template.leaf(GATEWAY, public, serial=SERIAL, now=NOW, lifetime=-DAY))
        == "bad_lifetime"
    )


def test_a_request_gives_its_public_key_and_nothing_else() -> None:
    own = key()

    public = sign.public_key_of_request(make_csr(own))
    leaf_of = template.leaf(GATEWAY, public, serial=SERIAL, now=NOW, lifetime=DAY)

    assert public == own.public_key()
    assert leaf_of.uri == GATEWAY  # the request named another organisation's


def test_an_rsa_request_is_as_good_and_may_come_as_bytes() -> None:
    own = rsa.generate_private_key(65537, 2048)

    assert sign.public_key_of_request(make_csr(own).encode()) == own.public_key()


def test_a_request_for_somebody_elses_key_is_refused() -> None:
    der = x509.load_pem_x509_csr(make_csr(key()).encode()).public_bytes(Encoding.DER)
    torn = x509.load_der_x509_csr(der[:-1] + bytes([der[-1] ^ 1])).public_bytes(Encoding.PEM)

    assert code_of(lambda: sign.public_key_of_request(torn)) == "no_proof_of_possession"


@pytest.mark.parametrize(
    "weak",
    [
        pytest.param(lambda: rsa.generate_private_key(65537, 1024), id="rsa-1024"),  # noqa: S505 - weak on purpose
        pytest.param(lambda: ec.generate_private_key(ec.SECP256K1()), id="secp256k1"),
        pytest.param(lambda: ec.generate_private_key(ec.SECP521R1()), id="a-curve-no-peer-accepts"),
    ],
)
def test_a_request_with_a_weak_key_is_refused(weak: Callable[[], PrivateKey]) -> None:
    csr = make_csr(weak())

    assert code_of(lambda: sign.public_key_of_request(csr)) == "weak_key"


def test_a_request_with_a_kind_of_key_that_we_do_not_know_is_refused() -> None:
    csr = make_csr(ed25519.Ed25519PrivateKey.generate(), algorithm=None)

    assert code_of(lambda: sign.public_key_of_request(csr)) == "weak_key"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
        "x" * 20_000,
    ],
)
def test_what_is_not_a_request_is_refused(text: str) -> None:
    assert code_of(lambda: sign.public_key_of_request(text)) == "not_a_csr"


def test_a_leaf_may_be_both_ends_of_a_connection() -> None:
    root_key = key()
    leaf = sign.signed(
        template.leaf(GATEWAY, key().public_key(), serial=SERIAL, now=NOW, lifetime=DAY),
        make_root(root_key),
        root_key,
    )

    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
