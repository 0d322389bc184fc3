"""Certificates with a real Envoy: renewed while it serves, and mutual TLS between machines."""

import asyncio
import json
import shutil
import signal
import time
from datetime import UTC, datetime, timedelta

import aiohttp
import grpc
import pytest
from cryptography import x509

from control_plane.gateway.config import AgentConfig
from control_plane.gateway.identity import install, load, make_request
from control_plane.model.identity import ObjectId, SpiffeId
from control_plane.model.node import Endpoint
from tests.integration.gateway.organisation import OWN, Organisation, until

pytestmark = pytest.mark.integration


def serial(organisation: Organisation) -> int:
    identity = load(organisation.files)
    assert identity is not None
    return x509.load_pem_x509_certificates(identity.chain.encode())[0].serial_number


def enrol_by_hand(organisation: Organisation) -> None:
    """What an operator does for a gateway elsewhere: have its request signed, and bring it the answer."""
    organisation.files.secrets.mkdir(parents=True, mode=0o700)
    config = AgentConfig(
        gateway_id=ObjectId("gw-1"), trust_domain=OWN, directory=organisation.files.directory,
        control_plane="127.0.0.1:1", ingress=Endpoint("127.0.0.1", 1), egress=Endpoint("127.0.0.1", 2),
    )  # fmt: skip
    request = make_request(config.spiffe_id)
    now = datetime.now(UTC)
    authority = organisation.authority()
    chain = authority.issue(request.csr, config.spiffe_id, lifetime=timedelta(hours=1), now=now)
    answer = {"certificate": chain, "anchors": list(authority.anchors())}
    install(config, request, answer, now=now.timestamp())


async def envoys_serials(organisation: Organisation) -> set[int]:
    """Of the certificates that Envoy itself uses now, as its admin interface tells."""
    connector = aiohttp.UnixConnector(str(organisation.files.admin_socket))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get("http://envoy/certs") as answer,
    ):
        known = json.loads(await answer.text())["certificates"]
    chains = (link for certificate in known for link in certificate["cert_chain"])
    return {int(link["serial_number"], 16) for link in chains}


@pytest.mark.alone
async def test_envoy_takes_over_a_certificate_that_is_renewed_at_half_of_its_life(
    organisation: Organisation,
) -> None:
    await organisation.stop_control_plane()
    organisation.over_tcp = True
    organisation.lifetime = timedelta(seconds=5)
    await organisation.start_control_plane()
    enrol_by_hand(organisation)
    await organisation.start_agent()
    await organisation.serving()
    await until(lambda: "certificate_installed" in organisation.agent_log.read_text())
    first = serial(organisation)

    started = time.monotonic()
    await until(lambda: serial(organisation) != first, seconds=6)
    took = time.monotonic() - started
    second = serial(organisation)
    await asyncio.sleep(0.5)

    assert took < 4
    assert second in await envoys_serials(organisation)
    await organisation.requests(3, "a")


async def test_a_gateway_elsewhere_uses_mutual_tls_for_everything(organisation: Organisation) -> None:
    await organisation.stop_control_plane()
    organisation.over_tcp = True
    await organisation.start_control_plane()
    enrol_by_hand(organisation)
    before = serial(organisation)

    agent = await organisation.start_agent()
    envoy = await organisation.serving()
    await organisation.requests(20, "a")
    await until(lambda: len(organisation.paths("a")) >= 20)
    agent.send_signal(signal.SIGTERM)
    code = await asyncio.wait_for(agent.wait(), 20)

    assert code == 0
    assert envoy not in organisation.envoys()
    assert serial(organisation) != before  # Hello signed a new one
    assert organisation.paths("a") == [f"/a/{number}" for number in range(20)]


async def test_a_server_of_our_organisation_that_is_not_the_control_plane_gets_nothing(
    organisation: Organisation,
) -> None:
    enrol_by_hand(organisation)
    organisation.over_tcp = True
    authority = organisation.authority()
    pretender = make_request(SpiffeId(f"spiffe://{OWN}/gateway/gw-2"))
    chain = authority.issue(
        pretender.csr,
        SpiffeId(f"spiffe://{OWN}/gateway/gw-2"),
        lifetime=timedelta(hours=1),
        now=datetime.now(UTC),
    )
    server = grpc.aio.server()
    asked: list[bytes] = []

    async def answer(request: bytes, _context: object) -> bytes:
        asked.append(request)
        return b"{}"

    hello = {"Hello": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("proxenia.gateway.v1.Agent", hello),)
    )
    roots = "".join(authority.anchors()).encode()
    credentials = grpc.ssl_server_credentials(
        [(pretender.key.encode(), chain.encode())], roots, require_client_auth=True
    )
    organisation.tcp_port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        await organisation.start_agent()
        await until(lambda: "control_plane_unreachable" in organisation.agent_log.read_text())
        await until(organisation.envoys)
        await asyncio.sleep(2)
    finally:
        await server.stop(0)

    assert asked == []
    lines = [json.loads(line) for line in organisation.agent_log.read_text().splitlines()]
    reason = next(line["reason"] for line in lines if line["event"] == "control_plane_unreachable")
    assert "expected a certificate of spiffe://luebeck.example/control-plane" in reason


async def test_a_gateway_elsewhere_without_a_certificate_says_what_to_do(organisation: Organisation) -> None:
    organisation.over_tcp = True
    shutil.rmtree(organisation.files.directory, ignore_errors=True)

    await organisation.start_agent()
    await until(lambda: organisation.agent_log.exists() and "enrol" in organisation.agent_log.read_text())

    assert organisation.envoys() == []
