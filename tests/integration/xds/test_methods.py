"""Methods for agents: what a handler raises is what grpc says, and nothing of the inside gets out."""

import asyncio

import grpc
import pytest

from control_plane.model.problem import InvalidValueError
from control_plane.ports.caller import Caller
from control_plane.ports.errors import ForbiddenError, UnavailableError
from control_plane.xds.limits import Limits
from tests.integration.xds.control import Setup, control
from tests.integration.xds.gateway_client import connected

pytestmark = pytest.mark.integration

METHOD = "/proxenia.gateway.v1.Agent/Try"


async def call(raises: Exception | None, request: bytes = b"hello", limits: Limits | None = None) -> bytes:
    """Call a method whose handler raises this, or echoes, or never ends when asked to ``wait``."""

    async def handler(body: bytes, caller: Caller) -> bytes:
        if raises is not None:
            raise raises
        if body == b"wait":
            await asyncio.Event().wait()
        return body + b" from " + str(caller.spiffe_id).encode()

    setup = Setup(limits or Limits(), services={METHOD: handler})
    async with control(setup=setup) as server, connected(server.socket) as channel:
        answer: bytes = await channel.unary_unary(METHOD)(request)
    return answer


async def test_a_method_gets_the_bytes_and_the_caller() -> None:
    assert await call(None) == b"hello from None"


@pytest.mark.parametrize(
    ("raised", "code", "text"),
    [
        (
            InvalidValueError("bad_id", "expected an id, got x"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "bad_id: expected an id, got x",
        ),
        (ForbiddenError("not yours"), grpc.StatusCode.PERMISSION_DENIED, "not yours"),
        (UnavailableError("no database"), grpc.StatusCode.UNAVAILABLE, "no database"),
        (
            RuntimeError("the password is 1234"),
            grpc.StatusCode.INTERNAL,
            "internal error; the control plane's log says more",
        ),
    ],
)
async def test_failures_have_their_codes(raised: Exception, code: grpc.StatusCode, text: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call(raised)

    assert (failed.value.code(), failed.value.details()) == (code, text)


async def test_a_handler_that_does_not_end_is_given_up() -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call(None, b"wait", Limits(unary_seconds=0.2))

    assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert failed.value.details() == "no answer within 0.2 s"


async def test_too_many_bytes_are_refused_with_the_next_step() -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call(None, bytes(1_001), Limits(unary_bytes=1_000))

    assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failed.value.details() == "expected at most 1000 bytes, got 1001; send less at once"
