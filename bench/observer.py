"""A gateway that only listens: it counts what the control plane sends for one change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from envoy.service.discovery.v3 import discovery_pb2

from bench.world import CLUSTER, ENDPOINTS

_METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
_LIMIT = [("grpc.max_receive_message_length", -1)]


@dataclass(slots=True)
class Observer:
    """What arrived since the last ``reset``."""

    bytes: int = 0
    resources: dict[str, int] = field(default_factory=dict)  # type URL → how many
    names: dict[str, set[str]] = field(default_factory=lambda: {CLUSTER: set(), ENDPOINTS: set()})
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        """Count from here."""
        self.bytes = 0
        self.resources = {}
        self.arrived.clear()

    async def holds(self, count: int) -> None:
        """Wait for the endpoints of ``count`` clusters."""
        async with asyncio.timeout(60):
            while len(self.names[ENDPOINTS]) < count:
                self.arrived.clear()
                await self.arrived.wait()

    async def run(self, call: Any) -> None:  # noqa: ANN401 - grpc has no types
        """Acknowledge everything, and subscribe to the endpoints of every cluster."""
        node = {"id": "observer"}
        await call.write(discovery_pb2.DeltaDiscoveryRequest(node=node, type_url=CLUSTER))
        while (raw := await call.read()) is not grpc.aio.EOF:
            response = discovery_pb2.DeltaDiscoveryResponse.FromString(raw)
            kind = response.type_url
            fresh = {resource.name for resource in response.resources} - self.names[kind]
            self.bytes += len(raw)
            self.resources[kind] = self.resources.get(kind, 0) + len(response.resources)
            self.names[kind] |= fresh
            self.arrived.set()
            await call.write(
                discovery_pb2.DeltaDiscoveryRequest(type_url=kind, response_nonce=response.nonce)
            )
            if kind == CLUSTER and fresh:
                await call.write(
                    discovery_pb2.DeltaDiscoveryRequest(
                        type_url=ENDPOINTS, resource_names_subscribe=sorted(fresh)
                    )
                )


@asynccontextmanager
async def observer(socket: Path) -> AsyncIterator[Observer]:
    """Connect to the control plane's socket for as long as the block lasts."""
    seen = Observer()
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=_LIMIT) as channel:
        method = channel.stream_stream(
            _METHOD,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=None,
        )
        call = method()
        task = asyncio.create_task(seen.run(call), name="observer")
        try:
            yield seen
        finally:
            call.cancel()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
