"""The other end of a delta stream, in Python: sees each message as it is on the wire."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
_PATIENCE = 10.0  # seconds
_QUIET = 0.3
_SHORT = 3.0


class GatewayClient:
    """Asks, hears, and acknowledges what it hears."""

    def __init__(self, call: Any, gateway: str) -> None:  # noqa: ANN401 - grpc has no types
        self.call = call
        self._gateway = gateway

    async def ask(self, type_url: str, *names: str, nonce: str = "") -> None:
        """Ask for a type: for all, or for names."""
        request = DeltaDiscoveryRequest(
            type_url=type_url, resource_names_subscribe=names, response_nonce=nonce
        )
        request.node.id = self._gateway
        await self.call.write(request.SerializeToString())

    async def hear(self, *, refusing: str = "") -> DeltaDiscoveryResponse:
        """Take the next message, and acknowledge it, or refuse it in these words."""
        async with asyncio.timeout(_PATIENCE):
            data = await self.call.read()
        assert data is not grpc.aio.EOF, await self.call.details()
        message = DeltaDiscoveryResponse.FromString(data)
        answer = DeltaDiscoveryRequest(type_url=message.type_url, response_nonce=message.nonce)
        if refusing:
            answer.error_detail.code, answer.error_detail.message = 13, refusing
        await self.call.write(answer.SerializeToString())
        return message

    async def reads(self) -> bool:
        """Take what is there without an answer; False at the end."""
        try:
            async with asyncio.timeout(_SHORT):
                return await self.call.read() is not grpc.aio.EOF
        except grpc.aio.AioRpcError:
            return False

    async def hears_nothing(self) -> bool:
        """Whether nothing comes for a while; the call cannot be read any more afterwards."""
        try:
            async with asyncio.timeout(_QUIET):
                await self.call.read()
        except TimeoutError:
            return True
        return False

    async def ended(self) -> tuple[grpc.StatusCode, str]:
        """How the server ended the stream."""
        async with asyncio.timeout(_PATIENCE):
            code = await self.call.code()
            return code, await self.call.details()


def names(messages: Iterable[DeltaDiscoveryResponse]) -> list[str]:
    """What was sent, in order of the wire."""
    return [resource.name for message in messages for resource in message.resources]


@asynccontextmanager
async def connected(socket: Path) -> AsyncIterator[Any]:
    """A connection of its own."""
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=_OPTIONS) as channel:
        yield channel


@asynccontextmanager
async def gateway(socket: Path, name: str = "gw-1") -> AsyncIterator[GatewayClient]:
    """One stream on a connection of its own; bytes in both directions."""
    async with connected(socket) as channel:
        call = channel.stream_stream(ADS)()
        try:
            yield GatewayClient(call, name)
        finally:
            call.cancel()
