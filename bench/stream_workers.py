"""The processes of bench/streams.py: the product's server, a raw one, and clients. One order a line.

``serve ours|raw SOCKET RESOURCES`` knows ``change NUMBER`` and ``cpu``;
``swarm SOCKET RESOURCES STREAMS INDEX``
knows ``expect NUMBER``. Every answer is one line of JSON.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import uvloop
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)

from control_plane.model.identity import TrustDomain
from control_plane.model.xds import CLUSTER, ENDPOINTS, XdsResource
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.publisher import Publication
from control_plane.xds.board import Board
from control_plane.xds.frames import entry_of
from control_plane.xds.gateways import Gateways
from control_plane.xds.identity import Admission
from control_plane.xds.listen import Listen
from control_plane.xds.server import ADS, Rules, Server

COLLECT = (20_000, 20, 100)  # as the control plane sets it, here for both servers
CONNECTING = 25  # clients of one process that connect at the same time
FIRST = "0"  # the version of everything before the first change


def _name(number: int) -> str:
    return f"to/resource-{number}.partner-{number % 100}.example"


def cluster(number: int) -> XdsResource:
    """One cluster that takes its endpoints from ADS, about as large as one with mutual TLS."""
    name = _name(number)
    message = Cluster(name=name, type=Cluster.EDS, alt_stat_name=name.replace(".", "-"))
    message.eds_cluster_config.eds_config.ads.SetInParent()
    message.transport_socket.name = "envoy.transport_sockets.tls"
    message.transport_socket.typed_config.value = b"x" * 160
    return XdsResource(CLUSTER, name, FIRST, message.SerializeToString(deterministic=True))


def endpoints(number: int, version: str) -> XdsResource:
    """One endpoint of a cluster."""
    message = ClusterLoadAssignment(cluster_name=_name(number))
    address = message.endpoints.add().lb_endpoints.add().endpoint.address.socket_address
    address.address, address.port_value = "192.0.2.7", 10_000
    return XdsResource(ENDPOINTS, _name(number), version, message.SerializeToString(deterministic=True))


class Ours:
    """The server of the product; the states of its gateways are made as always, and kept nowhere."""

    def __init__(self, path: str, resources: int) -> None:
        self._board = Board()
        self._board.publish(Publication(tuple(cluster(i) for i in range(resources))))
        self._board.publish(Publication(tuple(endpoints(i, FIRST) for i in range(resources))))
        self._board.open()
        admission = Admission(TrustDomain("bench.example"), lambda _caller, _gateway: True)
        gateways = Gateways(self, replica="bench")
        self._server = Server(self._board, gateways, listen=Listen(Path(path)), rules=Rules(admission))

    async def save(self, states: Sequence[GatewayState]) -> None:
        """Keep nothing (ports.deliveries.DeliveryLog)."""

    async def all(self) -> list[GatewayState]:
        """Nothing was kept (ports.deliveries.DeliveryLog)."""
        return []

    async def start(self) -> None:
        """Listen."""
        await self._server.start()

    def change(self, changed: XdsResource) -> None:
        """Publish one resource."""
        self._board.publish(Publication((changed,)))


class Raw(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Writes bytes that were made once to every stream, and reads without looking."""

    def __init__(self, path: str, _resources: int) -> None:
        self._path = path
        self._idle: list[asyncio.Future[None]] = []
        self._data = b""
        self._server: grpc.aio.Server | None = None

    def service(self, _details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Answer every method alike (grpc.GenericRpcHandler)."""
        return grpc.stream_stream_rpc_method_handler(self._stream)

    async def start(self) -> None:
        """Listen."""
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        self._server.add_generic_rpc_handlers((self,))
        self._server.add_insecure_port(f"unix:{self._path}")
        await self._server.start()

    def change(self, changed: XdsResource) -> None:
        """Write one resource to all."""
        tail = DeltaDiscoveryResponse(type_url=changed.type_url, nonce="1")
        self._data = entry_of(changed, 1).frame + tail.SerializeToString()
        idle, self._idle = self._idle, []
        for waiter in idle:
            waiter.set_result(None)

    async def _stream(self, _requests: object, context: Any) -> None:  # noqa: ANN401 - grpc has no types
        for type_url in (CLUSTER, ENDPOINTS):
            await context.read()
            await context.write(DeltaDiscoveryResponse(type_url=type_url, nonce="0").SerializeToString())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write(context))
            while await context.read() is not grpc.aio.EOF:
                pass

    async def _write(self, context: Any) -> None:  # noqa: ANN401 - grpc has no types
        loop = asyncio.get_running_loop()
        written = self._data
        while True:
            if written is self._data:
                waiter = loop.create_future()
                self._idle.append(waiter)
                await waiter
            written = self._data
            await context.write(written)


class Swarm:
    """Many gateways, each with a connection and a stream of its own, in their steady state."""

    def __init__(self, path: str, resources: int, index: int) -> None:
        self._path = path
        self._index = index
        held = {_name(i): FIRST for i in range(resources)}
        self._clusters = DeltaDiscoveryRequest(type_url=CLUSTER, initial_resource_versions=held)
        self._endpoints = DeltaDiscoveryRequest(
            type_url=ENDPOINTS, initial_resource_versions=held, resource_names_subscribe=list(held)
        ).SerializeToString()
        self._tasks: list[asyncio.Task[None]] = []
        self._expected = ""
        self._missing = 0
        self._last = asyncio.Event()

    async def connect(self, streams: int) -> None:
        """Open all streams, as gateways that have everything already."""
        gate = asyncio.Semaphore(CONNECTING)

        async def one(number: int) -> None:
            async with gate:
                call = await self._open(f"gw-{self._index}-{number}")
            self._tasks.append(asyncio.create_task(self._follow(call)))

        await asyncio.gather(*(one(number) for number in range(streams)))

    async def expect(self, version: str) -> float:
        """Wait until every stream got and acknowledged this version; when the last one did."""
        self._expected, self._missing = version, len(self._tasks)
        self._last.clear()
        _say({"ready": True})
        await self._last.wait()
        return _now()

    async def _open(self, gateway: str) -> Any:  # noqa: ANN401 - grpc has no types
        options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        call = grpc.aio.insecure_channel(f"unix:{self._path}", options=options).stream_stream(ADS)()
        first = DeltaDiscoveryRequest()
        first.CopyFrom(self._clusters)
        first.node.id = gateway
        for request in (first.SerializeToString(), self._endpoints):
            await call.write(request)
            await self._acknowledge(call, DeltaDiscoveryResponse.FromString(await call.read()))
        return call

    async def _follow(self, call: Any) -> None:  # noqa: ANN401 - grpc has no types
        while True:
            response = DeltaDiscoveryResponse.FromString(await call.read())
            await self._acknowledge(call, response)
            if [resource.version for resource in response.resources] == [self._expected]:
                self._missing -= 1
                if not self._missing:
                    self._last.set()

    @staticmethod
    async def _acknowledge(call: Any, response: DeltaDiscoveryResponse) -> None:  # noqa: ANN401 - grpc has no types
        answer = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        await call.write(answer.SerializeToString())


def _now() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)  # the same in every process


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


async def _orders() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return reader


async def serve(kind: str, path: str, resources: int) -> None:
    """Run one server until its orders end."""
    server = Ours(path, resources) if kind == "ours" else Raw(path, resources)
    await server.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)
    orders = await _orders()
    _say({"ready": True})
    while order := (await orders.readline()).decode().split():
        if order[0] == "cpu":
            _say({"cpu": time.process_time(), "rss_mb": _rss_mb()})
            continue
        changed = endpoints(0, order[1])
        at = _now()
        server.change(changed)
        _say({"at": at, "bytes": len(entry_of(changed, 1).frame)})


async def swarm(path: str, resources: int, *, streams: int, index: int) -> None:
    """Run clients until their orders end."""
    clients = Swarm(path, resources, index)
    await clients.connect(streams)
    orders = await _orders()
    _say({"ready": True})
    while order := (await orders.readline()).decode().split():
        _say({"at": await clients.expect(order[1])})


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", which, socket, number]:
            uvloop.run(serve(which, socket, int(number)))
        case ["swarm", socket, number, width, which]:
            uvloop.run(swarm(socket, int(number), streams=int(width), index=int(which)))
