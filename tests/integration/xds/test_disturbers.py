"""What one client does, or does not do, is no other client's business."""

import asyncio
import os
import time
from contextlib import suppress
from itertools import count

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from control_plane.model.xds import CLUSTER, ENDPOINTS, ROUTES, XdsResource
from control_plane.xds.limits import Limits
from tests.integration.xds.control import Control, Setup, control
from tests.integration.xds.gateway_client import GatewayClient, connected, gateway, names
from tests.integration.xds.small_world import cluster, endpoints

pytestmark = pytest.mark.integration

MIB = 2**20
_ports = count(1_000)
SOON = 1.0  # seconds for a change to reach a stream, on a busy machine


async def listening(client: GatewayClient) -> None:
    """Ask for the endpoints of ``a`` and have them."""
    await client.ask(ENDPOINTS, "a")
    assert names([await client.hear()]) == ["a"]


async def changes_arrive(server: Control, client: GatewayClient, times: int = 5) -> None:
    """Each change reaches this stream soon."""
    for _ in range(times):
        before = time.monotonic()
        server.put(endpoints("a", next(_ports)))
        assert names([await client.hear()]) == ["a"]
        assert time.monotonic() - before < SOON


def large(number: int) -> XdsResource:
    return XdsResource.of(ROUTES, "large", os.urandom(8) + bytes(4 * MIB) + str(number).encode())


@pytest.mark.alone
async def test_a_client_that_does_not_read_delays_nobody_and_is_let_go() -> None:
    async with (
        control(endpoints("a", 999), large(0), setup=Setup(Limits(write_seconds=0.5))) as server,
        gateway(server.socket, "gw-1") as good,
        gateway(server.socket, "gw-2") as deaf,
    ):
        await listening(good)
        await deaf.ask(ROUTES, "large")
        for number in range(1, 9):
            server.put(large(number))
            await changes_arrive(server, good, 1)

        await server.left("gw-2")

        await changes_arrive(server, good)


@pytest.mark.parametrize("later", [0.0, 2.5], ids=["at once", "after the server gave up telling it"])
async def test_a_client_that_reads_again_is_told_that_its_stream_ended(later: float) -> None:
    async with (
        control(large(0), setup=Setup(Limits(write_seconds=0.5))) as server,
        gateway(server.socket, "gw-2") as deaf,
    ):
        await deaf.ask(ROUTES, "large")
        for number in range(1, 9):
            server.put(large(number))
            await asyncio.sleep(0.05)
        await server.left("gw-2")

        await asyncio.sleep(later)
        while await deaf.reads():
            pass

        code, text = await deaf.ended()
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "does not read" in text


@pytest.mark.alone
async def test_a_client_that_floods_is_read_slowly_and_delays_nobody() -> None:
    setup = Setup(Limits(burst=100, rate=10))
    async with (
        control(endpoints("a", 999), setup=setup) as server,
        gateway(server.socket, "gw-1") as good,
        gateway(server.socket, "gw-2") as loud,
    ):
        await listening(good)
        await loud.ask(ENDPOINTS)

        async def flood() -> None:
            while True:
                await loud.ask(ENDPOINTS, "a", nonce="stale")

        flooding = asyncio.create_task(flood())
        try:
            await changes_arrive(server, good, 20)
            assert not flooding.done()
        finally:
            flooding.cancel()
            await asyncio.gather(flooding, return_exceptions=True)


@pytest.mark.alone
@pytest.mark.parametrize("first", [True, False])
async def test_a_client_that_sends_garbage_is_ended_and_nobody_else(*, first: bool) -> None:
    async with (
        control(endpoints("a", 999)) as server,
        gateway(server.socket, "gw-1") as good,
        gateway(server.socket, "gw-2") as bad,
    ):
        await listening(good)
        if not first:
            await listening(bad)

        await bad.call.write(b"\xff\xff\xff\xff")

        code, text = await bad.ended()
        assert (code, text) == (grpc.StatusCode.INVALID_ARGUMENT, "expected a DeltaDiscoveryRequest")
        await changes_arrive(server, good)


@pytest.mark.alone
async def test_bytes_that_are_no_http_at_all_disturb_nobody() -> None:
    async with control(endpoints("a", 999)) as server, gateway(server.socket) as good:
        await listening(good)

        reader, writer = await asyncio.open_unix_connection(server.socket)
        writer.write(os.urandom(100_000))
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                await reader.read()
        writer.close()

        await changes_arrive(server, good)


async def test_a_type_that_is_not_served_ends_its_stream() -> None:
    async with control() as server, gateway(server.socket) as client:
        await client.ask("type.googleapis.com/envoy.service.runtime.v3.Runtime")

        code, text = await client.ended()

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "expected one of the types" in text


async def test_a_name_that_is_far_too_long_ends_its_stream() -> None:
    async with control() as server, gateway(server.socket) as client:
        await client.ask(ENDPOINTS, "x" * 10_000)

        code, text = await client.ended()

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "at most 2048 characters" in text


async def test_a_client_that_says_nothing_is_not_waited_for() -> None:
    async with control(setup=Setup(Limits(first_seconds=0.2))) as server, gateway(server.socket) as client:
        code, text = await client.ended()

    assert (code, text) == (grpc.StatusCode.DEADLINE_EXCEEDED, "no first message")


async def test_a_reconnect_with_ten_thousand_long_names_is_read() -> None:
    async with control(cluster("a")) as server, gateway(server.socket) as client:
        request = DeltaDiscoveryRequest(type_url=CLUSTER)
        request.node.id = "gw-1"
        held = {f"to/{number:05d}.{'x' * 480}.example": "AAAAAAAA" for number in range(10_000)}
        request.initial_resource_versions.update(held)
        assert request.ByteSize() > 4 * MIB

        await client.call.write(request.SerializeToString())
        heard = [await client.hear(), await client.hear()]

        assert names(heard) == ["a"]
        assert {name for message in heard for name in message.removed_resources} == held.keys()


async def test_a_request_above_the_limit_ends_its_stream() -> None:
    setup = Setup(Limits(request_bytes=1_000))
    async with control(setup=setup) as server, gateway(server.socket) as client:
        await client.ask(ENDPOINTS, "x" * 1_500)

        code, _ = await client.ended()

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.alone
async def test_a_gateways_second_stream_takes_over_from_its_first() -> None:
    async with (
        control(endpoints("a", 999)) as server,
        gateway(server.socket, "gw-1") as old,
        gateway(server.socket, "gw-1") as new,
    ):
        await listening(old)
        await listening(new)

        code, text = await old.ended()

        assert code is grpc.StatusCode.ABORTED
        assert "took over" in text
        await changes_arrive(server, new)


async def test_nobody_is_answered_before_the_world_is_known() -> None:
    async with control() as server:
        await server.stop()
        await server.start(closed=True)
        async with gateway(server.socket) as client:
            await client.ask(CLUSTER)
            await asyncio.sleep(0.2)
            server.put(cluster("a"))
            server.board.open()

            assert names([await client.hear()]) == ["a"]  # not an empty world before


async def test_a_method_that_does_not_exist_is_said_to_be_none() -> None:
    async with control() as server, connected(server.socket) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await channel.unary_unary("/proxenia.gateway.v1.Agent/Nothing")(b"")

    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
