"""Resources of kind grpc through both gateways, named in each of the ways that applications have."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from control_plane.model.grant import Capability, Grant
from control_plane.model.identity import ObjectId, ResourceName
from control_plane.model.node import Endpoint
from control_plane.model.resource import Resource, ResourceKind
from control_plane.model.tuning import Tuning
from tests.integration.translate.parties import CALLER, SERVER, Cast, Parties, parties

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

CALLS = ResourceName("calls")
HOST = "calls.server.example"
SAY, COUNT, FAIL, HIDDEN = "/demo.Echo/Say", "/demo.Echo/Count", "/demo.Echo/Fail", "/demo.Secret/Say"
WITHIN = 10.0  # seconds


async def _say(request: bytes, _: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    return request


async def _count(request: bytes, _: grpc.aio.ServicerContext[bytes, bytes]) -> AsyncIterator[bytes]:
    for number in range(int(request)):
        yield str(number).encode()


async def _fail(_request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")
    raise AssertionError("abort raises")


class _Echo(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return {
            SAY: grpc.unary_unary_rpc_method_handler(_say),
            COUNT: grpc.unary_stream_rpc_method_handler(_count),
            FAIL: grpc.unary_unary_rpc_method_handler(_fail),
            HIDDEN: grpc.unary_unary_rpc_method_handler(_say),
        }.get(handler_call_details.method)


@asynccontextmanager
async def _service() -> AsyncIterator[int]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both() -> AsyncIterator[Parties]:
    async with _service() as port:
        kind = ResourceKind.GRPC
        offered = Resource(CALLS, SERVER, kind, upstreams=(Endpoint("127.0.0.1", port),))
        grant = Grant(ObjectId("calls"), CALLS, CALLER, (Capability(("POST",), "/demo.Echo/"),))
        cast = Cast(more=[Resource(CALLS, SERVER, kind)], served=[offered, grant])
        async with parties(Tuning(), cast=cast) as running:
            yield running


@asynccontextmanager
async def _channel(both: Parties, host: str) -> AsyncIterator[grpc.aio.Channel]:
    options = [("grpc.default_authority", host), ("grpc.enable_http_proxy", 0)]
    target = f"127.0.0.1:{both.caller.ports['egress']}"
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield channel


@pytest.mark.parametrize(
    ("host", "prefix", "metadata"),
    [
        (HOST, "", ()),
        ("localhost", "/server.example/calls", ()),
        ("whatever.example", "", (("x-proxenia-resource", "calls@server.example"),)),
    ],
    ids=["by host", "by path", "by header"],
)
async def test_calls_and_streams_pass_however_the_resource_is_named(
    both: Parties, host: str, prefix: str, metadata: Sequence[tuple[str, str]]
) -> None:
    async with _channel(both, host) as channel:
        said = await channel.unary_unary(prefix + SAY)(b"hello", metadata=metadata, timeout=WITHIN)
        counted = channel.unary_stream(prefix + COUNT)(b"3", metadata=metadata, timeout=WITHIN)
        numbers = [number async for number in counted]

    assert said == b"hello"
    assert numbers == [b"0", b"1", b"2"]
    line = await both.servers[0].line("access", path=SAY)
    assert (line["resource"], line["rbac"], line["result"]) == ("calls@server.example", "calls", "allowed")


@pytest.mark.parametrize(
    ("method", "code", "words"),
    [
        (FAIL, grpc.StatusCode.FAILED_PRECONDITION, "not today"),
        (HIDDEN, grpc.StatusCode.PERMISSION_DENIED, ""),
        ("/demo.Echo/Nothing", grpc.StatusCode.UNIMPLEMENTED, ""),
    ],
    ids=["the service's own", "not granted", "unknown to the service"],
)
async def test_a_failure_has_the_status_that_grpc_has_for_it(
    both: Parties, method: str, code: grpc.StatusCode, words: str
) -> None:
    async with _channel(both, "localhost") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await channel.unary_unary("/server.example/calls" + method)(b"x", timeout=WITHIN)

    assert failed.value.code() is code
    assert words in (failed.value.details() or "")


async def test_a_name_that_does_not_exist_is_unimplemented_at_once(both: Parties) -> None:
    async with _channel(both, "localhost") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await channel.unary_unary("/server.example/nothing" + SAY)(b"x", timeout=WITHIN)

    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED  # what a 404 is to gRPC
