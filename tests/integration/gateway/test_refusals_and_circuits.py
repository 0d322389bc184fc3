"""What the listener's log and the outlier log of a real Envoy become in the audit."""

import asyncio
import ssl

import aiohttp
import pytest

from control_plane.model.audit import AuditEvent, EventType
from tests.integration.gateway.organisation import Organisation, until

pytestmark = pytest.mark.integration


def events(organisation: Organisation, kind: EventType) -> list[AuditEvent]:
    return [event for event in organisation.audit.events if event.event_type is kind]


async def handshake_without_certificate(port: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        await reader.read()  # TLS 1.3: the refusal comes after our side is done
        writer.transport.abort()
    except (ssl.SSLError, ConnectionError):
        return


async def test_a_caller_without_a_certificate_is_in_the_audit_once(organisation: Organisation) -> None:
    await organisation.start_agent()
    await organisation.serving()

    for _ in range(3):
        await handshake_without_certificate(organisation.ingress)
    await until(lambda: len(events(organisation, EventType.HANDSHAKE_FAILED)) >= 3)

    failed = events(organisation, EventType.HANDSHAKE_FAILED)
    assert len(failed) == len({event.row_id for event in failed}) == 3
    assert all("PEER_DID_NOT_RETURN_A_CERTIFICATE" in event.reason for event in failed)
    assert failed[0].metadata["remote"].startswith("127.0.0.1:")
    assert events(organisation, EventType.GAP) == []


async def test_a_circuit_that_opens_and_closes_is_in_the_audit(organisation: Organisation) -> None:
    await organisation.start_agent()
    await organisation.serving()

    async with aiohttp.ClientSession() as session:
        for _ in range(5):
            await organisation.status(session, "/fail")
    await until(lambda: events(organisation, EventType.CIRCUIT_CLOSED), seconds=10)

    (opened,) = events(organisation, EventType.CIRCUIT_OPENED)
    (closed,) = events(organisation, EventType.CIRCUIT_CLOSED)
    assert (opened.resource, opened.reason) == ("orders@bremen.example", "consecutive_5xx")
    assert opened.metadata["upstream_url"] == f"127.0.0.1:{organisation.upstream}"
    assert closed.timestamp > opened.timestamp
    assert events(organisation, EventType.GAP) == []
