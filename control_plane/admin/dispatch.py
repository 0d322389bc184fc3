"""From a list of routes to an aiohttp application: input in, handler, answer out."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from aiohttp import hdrs, web
from pydantic import TypeAdapter

from control_plane.admin.answers import REQUEST_ID
from control_plane.admin.dependencies import Dependencies
from control_plane.admin.guard import CALLER, Access
from control_plane.admin.intake import read_input
from control_plane.admin.keyed import DIGEST, key_of, once
from control_plane.admin.operation import JSON, Call, Operation, Reply, Route
from control_plane.admin.problems import ApiError
from control_plane.admin.tokens import Holder, Role
from control_plane.model.identity import shown
from control_plane.observe import origin
from control_plane.ports.answers import AnswerKey

LAST_EVENT_ID = "Last-Event-ID"
_ETAG = re.compile(r'"(\d{1,18})"\Z', re.ASCII)
_ANYBODY = Holder("anybody", Role.VIEWER)


def access_of(routes: Sequence[Route]) -> Access:
    """Which role each operation needs. All that share a method and a path must need the same."""
    roles: dict[tuple[str, str], Role | None] = {}
    for operation in (route.operation for route in routes):
        key = (operation.method, operation.path)
        if roles.setdefault(key, operation.role) != operation.role:
            message = f"expected one role for {key}, got {roles[key]} and {operation.role}"
            raise ValueError(message)
    return Access(roles)


def add_routes(app: web.Application, routes: Sequence[Route], deps: Dependencies) -> None:
    """Serve ``routes``; those that share a method and a path are told apart by the body's type."""

    def place(route: Route) -> tuple[str, str]:
        return route.operation.method, route.operation.path

    for (method, path), group in groupby(sorted(routes, key=place), key=place):
        endpoints = {route.operation.media: _endpoint(route, deps) for route in group}
        app.router.add_route(method, path, _by_media(endpoints))


Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _by_media(endpoints: Mapping[str, Endpoint]) -> Endpoint:
    async def choose(request: web.Request) -> web.StreamResponse:
        # Some clients name a type also for a body that they do not have.
        media = request.content_type if request.can_read_body else JSON
        endpoint = endpoints.get(media)
        if endpoint is None:
            expected = " or ".join(endpoints)
            raise ApiError("bad_content_type", f"expected {expected}, got {shown(media)}")
        return await endpoint(request)

    return choose


def _endpoint(route: Route, deps: Dependencies) -> Endpoint:
    operation = route.operation
    takes: TypeAdapter[Any] = TypeAdapter(operation.takes)
    answers: TypeAdapter[Any] | None = None if operation.answers is None else TypeAdapter(operation.answers)

    async def answer(request: web.Request) -> web.StreamResponse:
        caller = request.get(CALLER, _ANYBODY)
        call = Call(
            deps=deps,
            actor=caller.name,
            request_id=request[REQUEST_ID],
            path=dict(request.match_info),
            if_match=_if_match(request),
            role=caller.role,
            via=via(request),
            groups=caller.groups,
            last_event_id=request.headers.get(LAST_EVENT_ID, ""),
        )
        origin.begin(call.via, call.request_id)
        key = key_of(request, operation)
        given = await read_input(request, operation, takes)

        async def do() -> web.StreamResponse:
            return _response(operation, await _run(route, call, given), answers)

        if key is None:
            return await do()
        named = AnswerKey(caller.name, key, request[DIGEST].digest())
        return await once(deps.answers, operation, named, do)

    return answer


async def _run(route: Route, call: Call, given: object) -> Reply:
    """What the handler answers, in time."""
    operation = route.operation
    try:
        async with asyncio.timeout(operation.deadline):
            return await route.run(call, given)
    except TimeoutError as error:
        code = "unavailable" if operation.method == "GET" else "outcome_unknown"
        raise ApiError(code, f"expected an answer within {operation.deadline:g} s, got none") from error


def via(request: web.Request) -> str:
    """From where a request comes, as the kernel says: an address, or a user of this machine."""
    peer = request.get_extra_info("peername")
    if isinstance(peer, tuple):
        return f"tcp {peer[0]}"
    connection = request.get_extra_info("socket")
    if connection is None or not hasattr(socket, "SO_PEERCRED"):
        return "unix"
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return f"unix, user {user}"


def _if_match(request: web.Request) -> int | None:
    given = request.headers.get(hdrs.IF_MATCH, "*").strip()
    if given == "*":
        return None
    match = _ETAG.match(given)
    if match is None:
        raise ApiError("precondition_failed", f"expected an ETag of this API, got {shown(given)}")
    return int(match[1])


def _response(
    operation: Operation[Any], reply: Reply, answers: TypeAdapter[Any] | None
) -> web.StreamResponse:
    status = reply.status or operation.status
    headers: dict[str, str] = {}
    if reply.revision is not None:
        headers[hdrs.ETAG] = f'"{reply.revision}"'
    if reply.location:
        headers[hdrs.LOCATION] = reply.location
    if answers is None:
        return web.Response(status=status, headers=headers)
    if isinstance(reply.value, AsyncIterable):
        stream = reply.value  # sent piece by piece, as fast as it is read
        return web.Response(status=status, body=stream, content_type=operation.produces, headers=headers)
    if operation.produces != JSON:
        text = str(reply.value)
        return web.Response(status=status, text=text, content_type=operation.produces, headers=headers)
    body = answers.dump_json(reply.value)
    return web.Response(status=status, body=body, content_type=JSON, headers=headers)
