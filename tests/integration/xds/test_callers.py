"""Over TCP a gateway is who its certificate says; on the private socket, its owner speaks for any gateway."""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from control_plane.model.xds import CLUSTER
from control_plane.ports.caller import Caller
from control_plane.xds.listen import Credentials
from tests.integration.translate.certificates import Authority, Leaf
from tests.integration.xds.control import Setup, control
from tests.integration.xds.gateway_client import GatewayClient, gateway, names
from tests.integration.xds.relay import relay
from tests.integration.xds.small_world import cluster

pytestmark = pytest.mark.integration

OWN = "spiffe://luebeck.example/gateway/gw-1"
OTHER = "spiffe://luebeck.example/gateway/gw-2"


@dataclass
class Federation:
    """Our authority, a stranger's of the same name, and how a client comes in."""

    authority: Authority = field(default_factory=lambda: Authority("luebeck"))
    stranger: Authority = field(default_factory=lambda: Authority("luebeck"))
    refused: list[tuple[str, str]] = field(default_factory=list)

    def setup(self, *, registered: bool = True) -> Setup:
        server = self.authority.leaf("spiffe://luebeck.example/control-plane")
        anchors = self.authority.anchor.encode()
        credentials = Credentials(server.key.encode(), server.certificate.encode(), anchors)
        return Setup(
            credentials=lambda: credentials,
            authorise=lambda _caller, _gateway: registered,
            refused=self.refused,
        )

    @asynccontextmanager
    async def caller(
        self, leaf: Leaf | None, *, name: str = "gw-1", registered: bool = True
    ) -> AsyncIterator[GatewayClient]:
        """A stream over TCP with this certificate, to a server that shows one cluster."""
        with tempfile.TemporaryDirectory(prefix="px-") as directory:
            context = self.context(leaf, Path(directory))
            async with (
                control(cluster("a"), setup=self.setup(registered=registered)) as server,
                relay(Path(directory) / "r.sock", server.port, context=context) as wire,
                gateway(wire.path, name) as client,
            ):
                yield client

    def context(self, leaf: Leaf | None, directory: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # the server has a SPIFFE id and no host name
        context.load_verify_locations(cadata=self.authority.anchor)
        context.set_alpn_protocols(["h2"])
        if leaf is not None:
            (directory / "leaf.pem").write_text(leaf.key + leaf.certificate)
            context.load_cert_chain(directory / "leaf.pem")
        return context


async def refusal(client: GatewayClient) -> tuple[grpc.StatusCode, str]:
    """What a gateway is told that may not come in."""
    with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # it may have ended already
        await client.ask(CLUSTER)
    return await client.ended()


async def test_the_gateway_of_the_certificate_is_served() -> None:
    federation = Federation()

    async with federation.caller(federation.authority.leaf(OWN)) as client:
        await client.ask(CLUSTER)

        assert names([await client.hear()]) == ["a"]


async def test_another_gateways_certificate_is_refused() -> None:
    federation = Federation()

    async with federation.caller(federation.authority.leaf(OTHER)) as client:
        code, text = await refusal(client)

    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert OWN in text
    assert OTHER in text
    ((peer, detail),) = federation.refused
    assert peer.startswith("ipv4:127.0.0.1:")
    assert detail == text


@pytest.mark.parametrize("uris", [(OWN, OTHER), (OTHER, OWN), (OWN, OWN), ()])
async def test_a_certificate_without_exactly_one_uri_is_refused(uris: tuple[str, ...]) -> None:
    federation = Federation()

    async with federation.caller(federation.authority.leaf(*uris)) as client:
        code, text = await refusal(client)

    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert f"exactly one URI SAN, got {len(uris)}" in text


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://bremen.example/gateway/gw-1",
        "spiffe://luebeck.example/node/gw-1",
        "spiffe://luebeck.example/gateway/gw-1/x",
        "https://luebeck.example/gateway/gw-1",
    ],
)
async def test_a_certificate_for_something_else_is_refused(uri: str) -> None:
    federation = Federation()

    async with federation.caller(federation.authority.leaf(uri)) as client:
        code, _ = await refusal(client)

    assert code is grpc.StatusCode.PERMISSION_DENIED


async def test_without_a_certificate_nobody_comes_in() -> None:
    async with Federation().caller(None) as client:
        code, _ = await refusal(client)

    assert code is grpc.StatusCode.UNAVAILABLE


async def test_a_strangers_authority_proves_nothing() -> None:
    federation = Federation()

    async with federation.caller(federation.stranger.leaf(OWN)) as client:
        code, _ = await refusal(client)

    assert code is grpc.StatusCode.UNAVAILABLE


async def test_a_gateway_that_is_not_registered_stays_out() -> None:
    federation = Federation()

    async with federation.caller(federation.authority.leaf(OWN), registered=False) as client:
        code, text = await refusal(client)

    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "register it first" in text


async def test_a_gateway_that_comes_before_the_world_is_read_waits_and_is_not_refused() -> None:
    read = False
    setup = Setup(authorise=lambda _caller, _gateway: read)
    async with control(setup=setup) as server:
        await server.stop()
        await server.start(cluster("a"), closed=True)
        async with gateway(server.socket) as client:
            await client.ask(CLUSTER)
            first = asyncio.create_task(client.hear())
            await asyncio.sleep(0.1)

            early = first.done()
            read = True
            server.board.open()

            assert not early
            assert names([await first]) == ["a"]


async def test_a_defect_in_the_check_lets_nobody_in_and_tells_nothing() -> None:
    def broken(_caller: Caller, _gateway: str) -> bool:
        raise RuntimeError("the password is 1234")

    async with (
        control(setup=Setup(authorise=broken)) as server,
        gateway(server.socket) as client,
    ):
        code, text = await refusal(client)

    assert code is grpc.StatusCode.INTERNAL
    assert text == "internal error; the control plane's log says more"


async def test_an_id_that_is_none_is_refused() -> None:
    async with control() as server, gateway(server.socket, "../gw") as client:
        code, text = await refusal(client)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text.startswith("node id: expected")


async def test_on_the_private_socket_any_gateway_is_served() -> None:
    async with control(cluster("a")) as server, gateway(server.socket, "gw-7") as client:
        await client.ask(CLUSTER)

        assert names([await client.hear()]) == ["a"]
        assert server.socket.stat().st_mode & 0o777 == 0o600
