"""With a collector, one trace tells of a request on its whole way; without, there are no spans."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
import pytest

from control_plane.model.node import Endpoint
from control_plane.model.tuning import Tuning
from tests.integration.translate.parties import parties

pytestmark = pytest.mark.integration

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GATEWAYS = (b"spiffe://caller.example/gateway/gw", b"spiffe://server.example/gateway/gw-0")
_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


@dataclass
class Collector:
    """A collector of OTLP. Messages are kept as they came: what is looked for stands in them as it is."""

    messages: list[bytes] = field(default_factory=list)

    async def export(self, body: bytes, _context: object) -> bytes:
        self.messages.append(body)
        return b""

    async def of_both(self) -> bytes:
        """All messages together, when both gateways have told of ``TRACE``."""
        async with asyncio.timeout(20):
            while True:
                told = [one for one in self.messages if bytes.fromhex(TRACE) in one]
                if all(any(name in one for one in told) for name in GATEWAYS):
                    return b"".join(self.messages)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, int]]:
    collector, server = Collector(), grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(collector.export)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield collector, port
    finally:
        await server.stop(None)


async def test_a_trace_that_an_application_began_goes_on_through_both_gateways() -> None:
    async with collecting() as (collector, port):
        tuning = Tuning(traces=Endpoint("127.0.0.1", port), traces_percent=0)
        async with parties(tuning) as both:
            quiet = await both.get("/quiet")
            asked = await both.get("/?token=secret", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
            told = await collector.of_both()

    assert (quiet[0], asked[0]) == (200, 200)
    # Each of the two gateways tells of the request that came and of the one that it sent on.
    assert told.count(bytes.fromhex(TRACE)) == 4
    assert b"secret" not in told
    assert b"quiet" not in told
    assert both.service.seen[-1]["traceparent"].split("-")[1] == TRACE
    assert both.service.seen[-1]["x-request-id"] != both.service.seen[0]["x-request-id"]
