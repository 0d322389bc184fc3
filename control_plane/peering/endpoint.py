"""The peering endpoint: the HTTP that partners speak to us. Every other request gets a short refusal.

Nothing here is authenticated by the connection: a message says who made it, and is checked by its handler.
The bundle is public.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import web

from control_plane.model.problem import InvalidValueError
from control_plane.peering.answers import PROBLEM, problem
from control_plane.peering.heartbeats import Hearing
from control_plane.peering.listener import Limits, Listener
from control_plane.peering.ourselves import Ourselves
from control_plane.peering.pace import Pace
from control_plane.peering.paths import (
    BUNDLE_PATH,
    CHALLENGES,
    HEARTBEATS,
    JOINS,
    JOSE,
    JSON,
    WELL_KNOWN_BUNDLE,
)
from control_plane.peering.receiving import Caller, Receiving
from control_plane.peering.refusal import CODES, Answer, RefusedError
from control_plane.peering.tls import ServerContext, ServerContexts
from control_plane.ports.errors import UnavailableError

MAX_BODY = 1 << 20
MAX_SMALL = 64 << 10  # challenges asked for, heartbeats
MAX_MORE = 256 << 10  # questions about the audit
MAX_HEADER = 8 << 10  # bytes of one header
MAX_HEADERS = 64

_UNAVAILABLE = Answer(503, "Something that is needed does not answer")
_INTERNAL = Answer(500, "Something is wrong here")
_BUSY = Answer(429, "Too many requests")

_log = structlog.get_logger()
Handler = Callable[[bytes, Caller], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class _Route:
    handler: Handler
    takes: str
    most: int


class PeeringEndpoint:
    """``run`` serves until cancelled. ``more`` are further handlers of signed messages, by path."""

    def __init__(
        self,
        *,
        ourselves: Ourselves,
        receiving: Receiving,
        hearing: Hearing,
        more: Mapping[str, Handler] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._ourselves = ourselves
        self._limits = limits or Limits()
        self._pace = Pace(self._limits.requests_per_second, self._limits.requests_burst)
        self._routes: Final = {
            CHALLENGES: _Route(receiving.challenge, JSON, MAX_SMALL),
            JOINS: _Route(receiving.join, JOSE, MAX_BODY),
            HEARTBEATS: _Route(hearing.hear, JOSE, MAX_SMALL),
            **{path: _Route(handler, JOSE, MAX_MORE) for path, handler in (more or {}).items()},
        }

    async def run(self, listening: socket.socket) -> None:
        """Serve on a bound socket, which is closed at the end."""
        server = web.Server(
            self._answer,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
            max_headers=MAX_HEADERS,
            auto_decompress=False,
            access_log=None,
            lingering_time=0,
        )
        contexts = ServerContexts(self._ourselves.credentials)
        try:
            await Listener(contexts, server, self._limits).run(listening)
        finally:
            await server.shutdown(timeout=1)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request; whatever happens, the answer says no more than it should."""
        try:
            return await self._dispatch(request)
        except InvalidValueError as error:
            code = error.code if error.code in CODES else "malformed_message"
            return _refuse(code, CODES[code])
        except UnavailableError as error:
            _log.warning("a partner's request could not be served", path=request.path, detail=str(error))
            return _refuse("unavailable", _UNAVAILABLE)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception:  # noqa: BLE001 - the answer must not tell what; it is logged with its trace
            _log.exception("a partner's request failed", path=request.path)
            return _refuse("internal_error", _INTERNAL)

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        peer = request.remote or ""
        if not self._pace.admits(peer, asyncio.get_running_loop().time()):
            return _refuse("too_many_requests", _BUSY)
        if request.path in {BUNDLE_PATH, WELL_KNOWN_BUNDLE}:
            if request.method not in {"GET", "HEAD"}:
                return _refuse("method_not_allowed", Answer(405, "Only GET is taken here"))
            return _good(self._ourselves.document(), JSON)
        route = self._routes.get(request.path)
        if route is None:
            return _refuse("not_found", Answer(404, "There is nothing here"))
        if request.method != "POST":
            return _refuse("method_not_allowed", Answer(405, "Only POST is taken here"))
        body = await _body(request, route)
        answer = await route.handler(body, Caller(peer, _channel(request)))
        return _good(answer, JOSE) if answer else web.Response(status=204)


async def _body(request: web.BaseRequest, route: _Route) -> bytes:
    """The body, within the limits. Its time is that of the connection."""
    if request.content_type != route.takes or "Content-Encoding" in request.headers:
        raise RefusedError("wrong_content_type", f"expected {route.takes}, got {request.content_type[:80]}")
    if (request.content_length or 0) > route.most:
        raise RefusedError("message_too_large", f"expected at most {route.most} bytes, got more")
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > route.most:
            raise RefusedError("message_too_large", f"expected at most {route.most} bytes, got more")
    return bytes(body)


def _channel(request: web.BaseRequest) -> str:
    """What messages on this connection must be bound to: the certificate that it was opened with."""
    tls = request.transport.get_extra_info("ssl_object") if request.transport else None
    context = tls.context if tls else None
    if not isinstance(context, ServerContext):
        raise UnavailableError("the connection is gone")
    return context.channel


def _good(body: bytes, content_type: str) -> web.Response:
    return _plain(web.Response(body=body, content_type=content_type))


def _refuse(code: str, answer: Answer) -> web.Response:
    response = web.Response(status=answer.status, body=problem(code, answer), content_type=PROBLEM)
    # What was not read of the request must not be taken for the next one.
    response.force_close()
    return _plain(response)


def _plain(response: web.Response) -> web.Response:
    response.headers["Server"] = "proxenia"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
