"""Verifying a chain, sending a request through our own egress, and what outsiders rely on by name."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from control_plane.admin.node_view import NodeView
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.identity import TrustDomain
from control_plane.model.node import Endpoint
from control_plane.pki.certificate import CertificateInfo
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.objects import Write
from control_plane.trust.authority import Authority
from tests.fakes.values import one_of_each
from tests.unit.admin.world import PARTNER, World

VERIFY = "/api/v1/federation/verify"
INVOKE = "/api/v1/federation/invoke"


def names(of: type) -> set[str]:
    return {field.name for field in fields(of)}


def test_nodes_certificates_and_events_have_the_fields_that_outsiders_rely_on() -> None:
    node = (
        "id node_id name organisation spiffe_id endpoints enabled trust_level status rate_limit_per_hour"
        " metadata sources discovered_at last_seen trusted_since created_at updated_at"
    )
    certificate = (
        "subject issuer serial_number not_before not_after fingerprint_sha256 key_usage extended_key_usage"
        " spiffe_id"
    )
    event = (
        "event_id correlation_id timestamp event_type source_node target_node principal principal_org"
        " resource capability action decision reason policy_id status duration_ms bytes peer_serial"
        " peer_fingerprint metadata hash previous_hash"
    )
    types = (
        "cross_org_request cross_org_authorization cross_org_request_denied handshake_failed node_trusted"
        " node_revoked circuit_opened circuit_closed gap operator_action"
    )

    assert set(node.split()) <= names(NodeView)
    assert set(certificate.split()) == names(CertificateInfo)
    assert set(event.split()) <= names(AuditEvent)
    assert set(types.split()) <= {each.value for each in EventType}


def chain_of(organisation: TrustDomain) -> tuple[str, tuple[str, ...]]:
    """A chain that an authority of this organisation made, and its anchors."""
    with tempfile.TemporaryDirectory(prefix="pxv") as name:
        authority = Authority.open(Path(name) / "ca", organisation, now=datetime.now(UTC))
        return authority.server_credentials(now=datetime.now(UTC)).chain.decode(), authority.anchors()


async def test_a_chain_is_valid_against_its_own_organisations_anchors_only(world: World) -> None:
    partner = TrustDomain(PARTNER)
    chain, anchors = chain_of(partner)
    unknown = await world.call("POST", VERIFY, {"chain": chain})
    bundle, agreement = Bundle(partner, anchors, (), 1), Agreement(partner, AgreementState.PENDING)
    await world.objects.write(
        [Write(Kind.BUNDLE, partner, bundle), Write(Kind.AGREEMENT, partner, agreement)], actor="ada"
    )

    known = await world.call("POST", VERIFY, {"chain": chain})
    forged = await world.call("POST", VERIFY, {"chain": chain_of(partner)[0]})

    assert (unknown.document["valid"], unknown.document["code"]) == (False, "unknown_trust_domain")
    assert (known.status, known.document["valid"], known.document["trust"]) == (200, True, "pending")
    assert known.document["organisation"] == PARTNER
    assert known.document["certificates"][0]["spiffe_id"] == known.document["spiffe_id"]
    assert (forged.document["valid"], forged.document["spiffe_id"]) == (False, known.document["spiffe_id"])


@pytest.mark.parametrize("chain", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nMII=\n"])
async def test_what_is_no_chain_is_refused(world: World, chain: str) -> None:
    answer = await world.call("POST", VERIFY, {"chain": chain})

    assert (answer.status, answer.code) == (422, "not_a_certificate")


@asynccontextmanager
async def egress(world: World) -> AsyncIterator[list[web.Request]]:
    """An egress listener that a connected gateway announced; it answers a lot."""
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        seen.append(request)
        return web.Response(status=418, text="x" * 300_000, headers={"x-request-id": "the-id"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    gateway = one_of_each()[Kind.GATEWAY]
    assert isinstance(gateway, Gateway)
    gateway = replace(gateway, egress=Endpoint("127.0.0.1", port))
    await world.objects.write([Write(Kind.GATEWAY, gateway.key, gateway)], actor="ada")
    await world.deliveries.save(
        [
            GatewayState(
                gateway=gateway.key, connected=True, deliveries=(), replica="here", at=datetime.now(UTC)
            )
        ]
    )
    try:
        yield seen
    finally:
        await runner.cleanup()


async def test_a_request_goes_through_the_egress_and_what_comes_back_is_bounded(world: World) -> None:
    wanted = {
        "resource": f"orders@{PARTNER}",
        "method": "POST",
        "path": "/a%20b?c=d",
        "headers": {"x-test": "1"},
        "body": "hello",
    }

    async with egress(world) as seen:
        answer = await world.call("POST", INVOKE, wanted)

    assert answer.status == 200
    shown = answer.document
    assert (shown["status"], shown["truncated"], shown["correlation_id"]) == (418, True, "the-id")
    assert len(shown["body"]) == 256 << 10
    assert seen[0].headers["x-proxenia-resource"] == f"orders@{PARTNER}"
    assert (seen[0].raw_path, seen[0].headers["x-test"]) == ("/a%20b?c=d", "1")
    assert [event.action for event in world.audit.events] == ["invoke"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "http://192.0.2.1/"},
        {"path": "/a b"},
        {"method": "CONNECT"},
        {"headers": {"Host": "elsewhere.example"}},
        {"headers": {"X-Proxenia-Resource": "other"}},
        {"headers": {"a": "b\r\nc: d"}},
        {"timeout_seconds": 600.0},
        {"resource": "a\nb"},
    ],
)
async def test_what_could_go_elsewhere_or_take_forever_is_refused(
    world: World, wrong: dict[str, object]
) -> None:
    answer = await world.call("POST", INVOKE, {"resource": "a@b.example", **wrong})

    assert answer.status == 422
    assert not world.audit.events


async def test_without_a_gateway_nothing_is_sent(world: World) -> None:
    answer = await world.call("POST", INVOKE, {"resource": "a@b.example"})

    assert (answer.status, answer.code) == (409, "no_gateway")


async def test_an_egress_that_does_not_answer_is_said_so(world: World) -> None:
    async with egress(world):
        pass

    answer = await world.call("POST", INVOKE, {"resource": "a@b.example"})

    assert (answer.status, answer.code) == (502, "no_answer")


async def test_the_way_on_is_told(world: World) -> None:
    answer = await world.call("GET", "/.well-known/proxenia")

    assert answer.document["software"] == "proxenia"
    for path in ("openapi", "documentation"):
        assert (await world.call("GET", answer.document[path])).status == 200
