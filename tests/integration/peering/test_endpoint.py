"""The peering endpoint against callers that do not behave, and while its certificate changes."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import control_plane_id
from control_plane.peering import token
from control_plane.peering.client import Exchange
from control_plane.peering.joining import Visit
from control_plane.peering.listener import Limits, Listener
from control_plane.peering.paths import BUNDLE_PATH, CHALLENGES, HEARTBEATS, JOINS, WELL_KNOWN_BUNDLE
from control_plane.peering.refusal import RefusedError
from control_plane.peering.tls import ClientContext, ServerContexts
from control_plane.pki import spiffe_bundle
from control_plane.trust.authority import Authority
from tests.integration.peering.conftest import Deploy
from tests.integration.peering.deployment import Deployment, bound

pytestmark = pytest.mark.integration

LUEBECK, VISBY = TrustDomain("luebeck.example"), TrustDomain("visby.example")


def anybody() -> ssl.SSLContext:
    """A caller that does not care whom it talks to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@asynccontextmanager
async def connected(
    deployment: Deployment, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(
        deployment.address.host, deployment.address.port, ssl=tls or anybody()
    )
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def say(deployment: Deployment, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes on a new connection, and read until its end: status, headers and body."""
    async with connected(deployment) as (reader, writer):
        writer.write(request)
        answer = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(10):
                answer = await reader.read()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: a", "connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("path", [BUNDLE_PATH, WELL_KNOWN_BUNDLE])
async def test_our_bundle_is_served_in_spiffes_format(deployment: Deploy, path: str) -> None:
    luebeck = await deployment("luebeck.example")

    status, headers, body = await say(luebeck, request("GET", path))

    assert (status, headers["content-type"]) == (200, "application/json")
    document = spiffe_bundle.parse(body, LUEBECK)
    assert document.bundle == luebeck.authority.bundle()
    assert document.refresh_hint == 300


async def test_what_is_not_understood_gets_a_short_refusal(deployment: Deploy) -> None:
    luebeck = await deployment("luebeck.example")
    json_type, jose = "content-type: application/json", "content-type: application/jose"
    large, endless = "content-length: 2000000", "transfer-encoding: chunked"
    chunks = b"FFFF\r\n" + b"A" * 0xFFFF + b"\r\n"
    cases = {
        "no such path": (request("GET", "/"), 404, "not_found"),
        "traversal": (request("GET", "/peering/v1/../../etc/passwd"), 404, "not_found"),
        "another method": (request("PUT", JOINS), 405, "method_not_allowed"),
        "posting the bundle": (request("POST", BUNDLE_PATH), 405, "method_not_allowed"),
        "another type": (request("POST", JOINS, json_type, body=b""), 415, "wrong_content_type"),
        "compressed": (
            request("POST", JOINS, jose, "content-encoding: gzip", body=b""), 415, "wrong_content_type"
        ),
        "nothing": (request("POST", JOINS, jose), 400, "malformed_message"),
        "not json": (
            request("POST", CHALLENGES, json_type, "content-length: 1", body=b"x"), 400, "malformed_message"
        ),
        "announced as too large": (request("POST", JOINS, jose, large), 413, "message_too_large"),
        "too large in pieces": (
            request("POST", JOINS, jose, endless, body=chunks * 20), 413, "message_too_large"
        ),
        "too large for a heartbeat": (
            request("POST", HEARTBEATS, jose, endless, body=chunks * 2), 413, "message_too_large"
        ),
    }  # fmt: skip

    for name, (sent, status, code) in cases.items():
        got, headers, body = await say(luebeck, sent)
        document = json.loads(body)
        assert (got, document["code"]) == (status, code), name
        assert headers["content-type"] == "application/problem+json", name
        assert headers["server"] == "proxenia", name
        assert set(document) == {"type", "title", "status", "code"}, name


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        request("GET", "/", "x: " + "a" * 20_000),
        request("GET", "/", *(f"x-{number}: a" for number in range(200))),
        request("POST", JOINS, "content-length: 5", "content-length: 6", body=b"hello"),
        request("POST", JOINS, "content-length: 5", "transfer-encoding: chunked", body=b"0\r\n\r\n"),
        request("GET", "/" + "a" * 20_000),
    ],
)
async def test_what_is_not_http_is_refused_without_telling_anything(deployment: Deploy, sent: bytes) -> None:
    luebeck = await deployment("luebeck.example")

    status, _, body = await say(luebeck, sent)

    assert 400 <= status < 500
    assert b"Traceback" not in body
    assert b"control_plane" not in body
    assert len(body) < 1000


async def test_older_tls_and_no_tls_are_refused(deployment: Deploy) -> None:
    luebeck = await deployment("luebeck.example")
    old = anybody()
    old.maximum_version = ssl.TLSVersion.TLSv1_2

    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with connected(luebeck, tls=old):
            pass
    reader, writer = await asyncio.open_connection(luebeck.address.host, luebeck.address.port)
    writer.write(request("GET", BUNDLE_PATH))
    answer = await _rest(reader)
    writer.close()

    assert b"HTTP" not in answer


async def _rest(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.alone
async def test_silent_and_slow_callers_are_cut_off(deployment: Deploy) -> None:
    luebeck = await deployment("luebeck.example", limits=Limits(lifetime=1))
    hasty = await deployment("visby.example", limits=Limits(handshake=0.5))
    loop = asyncio.get_running_loop()
    started = loop.time()

    reader, writer = await asyncio.open_connection(hasty.address.host, hasty.address.port)
    assert await _rest(reader) == b""  # never shakes hands
    writer.close()
    async with connected(luebeck) as (reader, writer):
        assert await _rest(reader) == b""  # never says anything
    async with connected(luebeck) as (reader, writer):
        writer.write(request("POST", JOINS, "content-type: application/jose", "content-length: 1000"))
        for _ in range(15):
            writer.write(b"a")
            await asyncio.sleep(0.1)
        assert await _rest(reader) == b""  # drips

    assert loop.time() - started < 8


class Twice(asyncio.Protocol):
    """Answers, and closes its transport twice, as a server does that ends while a connection is ending."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"good bye")
        transport.close()
        transport.close()


async def test_a_connection_whose_end_nobody_answers_is_cut_off(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path, TrustDomain("luebeck.example"), now=datetime.now(UTC))
    contexts = ServerContexts(lambda: authority.server_credentials(now=datetime.now(UTC)))
    with bound() as listening:
        running = asyncio.create_task(Listener(contexts, Twice, Limits(lifetime=1)).run(listening))
        waited = await asyncio.to_thread(_until_cut, listening.getsockname())
        running.cancel()
        await asyncio.wait([running])

    assert waited < 10  # by itself, an end of TLS that nobody answers takes 30 s


def _until_cut(address: tuple[str, int]) -> float:
    """Seconds from the first words until nothing of the connection is there, for one who says nothing."""
    with socket.create_connection(address, timeout=20) as connection:
        with anybody().wrap_socket(connection) as talking:
            assert talking.recv(100) == b"good bye"
            silent = socket.socket(fileno=talking.detach())
        began = monotonic()
        with silent:
            silent.settimeout(20)
            with suppress(ConnectionError):
                while silent.recv(1 << 16):
                    pass
            return monotonic() - began


async def test_one_address_has_only_so_many_connections(deployment: Deploy) -> None:
    luebeck = await deployment("luebeck.example", limits=Limits(connections_per_peer=2))

    async with connected(luebeck), connected(luebeck):
        with pytest.raises((ConnectionError, ssl.SSLError)):
            async with connected(luebeck):
                pass

    async def again() -> bool:
        with suppress(ConnectionError, ssl.SSLError):
            status, _, _ = await say(luebeck, request("GET", BUNDLE_PATH))
            return status == 200
        return False

    async with asyncio.timeout(5):
        while not await again():  # noqa: ASYNC110 - the server notices the ends of connections in its own time
            await asyncio.sleep(0.05)


async def test_one_address_makes_only_so_many_requests(deployment: Deploy) -> None:
    luebeck = await deployment("luebeck.example", limits=Limits(requests_per_second=0.001, requests_burst=3))

    statuses = [(await say(luebeck, request("GET", BUNDLE_PATH)))[0] for _ in range(5)]

    assert statuses == [200, 200, 200, 429, 429]


async def test_a_database_that_is_away_is_not_described_to_callers(deployment: Deploy) -> None:
    luebeck, visby = await deployment("luebeck.example"), await deployment("visby.example")
    given = token.parse(await luebeck.invite("visby.example"))
    ask = {"invitation": given.id, "organisation": "visby.example", "nonce": "n" * 43}
    body = json.dumps(ask).encode()
    await luebeck.close_database()

    status, _, answer = await say(
        luebeck,
        request(
            "POST", CHALLENGES, "content-type: application/json", f"content-length: {len(body)}", body=body
        ),
    )

    assert visby.name == VISBY
    assert status == 503
    assert json.loads(answer)["code"] == "unavailable"
    assert b"database" not in answer


async def test_a_new_certificate_is_presented_at_once_and_old_connections_go_on(
    deployment: Deploy,
) -> None:
    luebeck, visby = await deployment("luebeck.example"), await deployment("visby.example")
    text = await luebeck.invite("visby.example")
    given = token.parse(text)
    later = Authority.open(luebeck.state / "ca", LUEBECK, now=datetime.now(UTC))
    renewed = later.server_credentials(now=datetime.now(UTC))
    context = ClientContext.to(control_plane_id(LUEBECK), luebeck.authority.anchors())
    introduction = await visby.peering.joiner.ourselves.introduction()
    visit = Visit(visby.peering.joiner.ourselves, given, token.digest(text), introduction)

    async def renew_in_the_middle(exchange: Exchange) -> str:
        await exchange.get(BUNDLE_PATH)
        old = exchange.channel
        luebeck.credentials.given = renewed
        await visit.hold(exchange)
        assert exchange.channel == old
        return old

    old = await visby.peering.outward.talk((luebeck.address,), context, renew_in_the_middle)
    again = ClientContext.to(control_plane_id(LUEBECK), luebeck.authority.anchors())

    async def look(exchange: Exchange) -> str:
        await exchange.get(BUNDLE_PATH)
        return exchange.channel

    new = await visby.peering.outward.talk((luebeck.address,), again, look)

    assert new != old
    assert await luebeck.agreement(VISBY) == Agreement(VISBY, AgreementState.PENDING)


async def test_a_server_whose_certificate_has_ended_is_not_talked_to(deployment: Deploy) -> None:
    luebeck, visby = await deployment("luebeck.example"), await deployment("visby.example")
    text = await luebeck.invite("visby.example")
    long_ago = datetime.now(UTC) - timedelta(days=3)
    other = Authority.open(luebeck.state / "ca", LUEBECK, now=datetime.now(UTC))
    luebeck.credentials.given = other.server_credentials(now=long_ago)

    with pytest.raises(RefusedError) as caught:
        await visby.peering.joiner.join(text, actor="bob")

    assert caught.value.code == "untrusted_server"
