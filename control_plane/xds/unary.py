"""Methods that other parts of the control plane serve to agents: bytes in and out, failures as grpc's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import grpc
import structlog

from control_plane.model.problem import InvalidValueError
from control_plane.ports.caller import UnaryHandler
from control_plane.ports.errors import ForbiddenError, UnavailableError
from control_plane.xds.identity import caller_of
from control_plane.xds.limits import Limits

_log = structlog.get_logger(__name__)

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Method = Callable[[bytes, Context], Awaitable[bytes]]
Failure = tuple[grpc.StatusCode, str]


Refused = Callable[[str, str], Awaitable[None]]
"""Is told which peer was refused because of who it is, and why; it must not fail."""


async def told_nobody(_peer: str, _detail: str) -> None:
    """Nobody wants to know."""


def unary(name: str, handler: UnaryHandler, limits: Limits, refused: Refused = told_nobody) -> Method:
    """Wrap ``handler`` with the caller's identity, the limits, and the mapping of its failures."""

    async def method(request: bytes, context: Context) -> bytes:
        answer = await _answer(name, handler, limits=limits, request=request, context=context)
        if isinstance(answer, bytes):
            return answer
        code, detail = answer
        if code is grpc.StatusCode.PERMISSION_DENIED:
            await refused(context.peer(), detail)
        await context.abort(code, detail)
        raise AssertionError(detail)  # abort raises

    return method


async def _answer(
    name: str, handler: UnaryHandler, *, limits: Limits, request: bytes, context: Context
) -> bytes | Failure:
    if len(request) > limits.unary_bytes:
        return (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"expected at most {limits.unary_bytes} bytes, got {len(request)}; send less at once",
        )
    try:
        async with asyncio.timeout(limits.unary_seconds):
            return await handler(request, caller_of(context))
    except TimeoutError:
        return grpc.StatusCode.DEADLINE_EXCEEDED, f"no answer within {limits.unary_seconds:g} s"
    except Exception as error:  # noqa: BLE001 - the outermost place; what is not known is logged in full
        return _failure(name, error)


def _failure(name: str, error: Exception) -> Failure:
    match error:
        case InvalidValueError():
            return grpc.StatusCode.INVALID_ARGUMENT, f"{error.code}: {error.detail}"
        case ForbiddenError():
            return grpc.StatusCode.PERMISSION_DENIED, str(error)
        case UnavailableError():
            return grpc.StatusCode.UNAVAILABLE, str(error)
        case _:
            _log.error("method failed", method=name, exc_info=error)
            return grpc.StatusCode.INTERNAL, "internal error; the control plane's log says more"
