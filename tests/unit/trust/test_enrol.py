"""A gateway's greeting: who may send it, what it changes, and what it gets."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.pki.certificate import describe, load_chain
from control_plane.ports.audit import Checkpoint
from control_plane.ports.caller import Caller
from control_plane.ports.errors import ForbiddenError, UnavailableError
from control_plane.trust.authority import Authority
from control_plane.trust.enrol import Enrolment
from tests.fakes.audit import FakeAudit
from tests.fakes.certificates import FakeIssued
from tests.fakes.objects import FakeObjects

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LUEBECK = TrustDomain("luebeck.example")
GATEWAY = SpiffeId("spiffe://luebeck.example/gateway/gw-1")
ANYBODY = Caller(None)


def make_csr() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def greeting(**changes: object) -> dict[str, Any]:
    gateway = {
        "id": "gw-1",
        "ingress": {"host": "192.0.2.1", "port": 8443},
        "egress": {"host": "127.0.0.1", "port": 8080},
        "envoy_version": "1.40.0",
    }
    return {"gateway": gateway | changes, "csr": make_csr()}


@pytest.fixture
def objects() -> FakeObjects:
    return FakeObjects()


@pytest.fixture
async def enrolment(tmp_path: Path, objects: FakeObjects) -> Enrolment:
    audit = FakeAudit()
    await audit.append([], Checkpoint("gw-1", "access", "access.1", 42))
    await audit.append([], Checkpoint("gw-2", "access", "access.9", 7))
    authority = Authority.open(tmp_path / "ca", LUEBECK, now=NOW)
    return Enrolment(objects, authority, audit, FakeIssued(), LUEBECK, lambda: NOW)


async def gateway_of(objects: FakeObjects) -> Gateway:
    stored = await objects.get(Kind.GATEWAY, "gw-1")
    assert stored is not None
    assert isinstance(stored.value, Gateway)
    return stored.value


async def hello(enrolment: Enrolment, message: object, caller: Caller = ANYBODY) -> dict[str, Any]:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    answer: dict[str, Any] = json.loads(await enrolment.hello(body, caller))
    return answer


async def test_a_gateway_gets_a_certificate_for_its_own_identity_and_is_registered(
    enrolment: Enrolment, objects: FakeObjects
) -> None:
    answer = await hello(enrolment, greeting())

    leaf = load_chain(answer["certificate"])[0]
    assert describe(leaf).spiffe_id == GATEWAY == answer["spiffe_id"]
    assert answer["not_after"] == (NOW + timedelta(hours=24)).timestamp()
    assert answer["trust_domain"] == "luebeck.example"
    assert answer["anchors"] == list(enrolment.authority.anchors())
    assert answer["checkpoints"] == {"access": {"file": "access.1", "offset": 42}}
    gateway = await gateway_of(objects)
    assert (gateway.spiffe_id, gateway.ingress.port, gateway.envoy_version) == (GATEWAY, 8443, "1.40.0")
    assert objects.actors == ["gateway gw-1"]


async def test_a_gateway_that_says_the_same_again_changes_nothing(
    enrolment: Enrolment, objects: FakeObjects
) -> None:
    await hello(enrolment, greeting())
    await hello(enrolment, greeting())

    assert objects.revision == 1


async def test_a_gateway_that_moved_is_written_again(enrolment: Enrolment, objects: FakeObjects) -> None:
    await hello(enrolment, greeting())
    await hello(enrolment, greeting(ingress={"host": "192.0.2.2", "port": 8443}))

    assert objects.revision == 2
    assert (await gateway_of(objects)).ingress.host == "192.0.2.2"


async def test_a_certificate_speaks_for_its_own_gateway_only(
    enrolment: Enrolment, objects: FakeObjects
) -> None:
    assert await hello(enrolment, greeting(), Caller(GATEWAY))

    for other in ("spiffe://luebeck.example/gateway/gw-10", "spiffe://visby.example/gateway/gw-1"):
        with pytest.raises(ForbiddenError, match="gw-1"):
            await hello(enrolment, greeting(), Caller(SpiffeId(other)))
    assert objects.revision == 1


async def test_nothing_is_answered_when_the_registration_cannot_be_stored(
    enrolment: Enrolment, objects: FakeObjects
) -> None:
    objects.down = True

    with pytest.raises(UnavailableError):
        await hello(enrolment, greeting())


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", "bad_greeting"),
        (b"\xff\xfe", "bad_greeting"),
        (b"[]", "bad_greeting"),
        (b"[" * 50_000, "bad_greeting"),
        (b" " * 70_000, "too_large"),
        ({"gateway": {}, "csr": ""}, "bad_greeting"),
        (greeting() | {"more": 1}, "bad_greeting"),
        (greeting(spiffe_id="spiffe://luebeck.example/admin"), "bad_greeting"),
        (greeting(id="../gw"), "bad_id"),
        (greeting(ingress={"host": "example.com", "port": 1}), "bad_address"),
        (greeting(ingress={"host": "192.0.2.1", "port": "8443"}), "bad_greeting"),
        (greeting(egress={"host": "192.0.2.1", "port": 0}), "bad_port"),
        (greeting(envoy_version="1\n2"), "bad_text"),
        (greeting() | {"csr": "-----BEGIN"}, "not_a_csr"),
    ],
)
async def test_a_bad_greeting_changes_nothing_and_is_told_why(
    enrolment: Enrolment, objects: FakeObjects, message: object, code: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        await hello(enrolment, message)

    assert caught.value.code == code
    assert len(caught.value.detail) < 400
    assert objects.revision == 0


async def test_what_was_issued_is_noted_with_its_signer(enrolment: Enrolment) -> None:
    answer = await hello(enrolment, greeting())

    (issued,) = await enrolment.issued.all()
    leaf = load_chain(answer["certificate"])[0]
    assert (issued.gateway, issued.not_after) == ("gw-1", leaf.not_valid_after_utc)
    assert issued.signer == answer["signer"] == enrolment.authority.signer(GATEWAY)


async def test_a_gateway_can_ask_who_signs_now(enrolment: Enrolment) -> None:
    answer = json.loads(await enrolment.renewal(b'{"gateway": "gw-1"}', ANYBODY))

    assert answer == {"signer": enrolment.authority.signer(GATEWAY)}
    with pytest.raises(ForbiddenError):
        await enrolment.renewal(b'{"gateway": "gw-2"}', Caller(GATEWAY))
