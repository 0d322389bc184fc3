"""A request to a resource through our own egress listener, as an application sends it: for tests and tools.

It goes to the egress address that one of our gateways announced, and nowhere else; size and time are bounded.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, ClassVar

import aiohttp

from control_plane.admin.ledger import note
from control_plane.admin.listing import every
from control_plane.admin.operation import API, Call, Keyed, Operation, Reply, route
from control_plane.admin.problems import ApiError
from control_plane.admin.stored import value_of
from control_plane.admin.tokens import Role
from control_plane.model.change import Kind
from control_plane.model.gateway import Gateway
from control_plane.model.identity import shown
from control_plane.model.node import Endpoint, check_text
from control_plane.model.problem import InvalidValueError

INVOKE = f"{API}/federation/invoke"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MAX_HEADERS = 32
MAX_TEXT = 8 << 10  # characters of a path, and of a header's value
MAX_SENT = 256 << 10  # characters of a body
MAX_SHOWN = 256 << 10  # bytes of an answer
MIN_SECONDS, MAX_SECONDS = 0.1, 30.0
_RESOURCE = "x-proxenia-resource"
_OURS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "te", "upgrade", "expect", _RESOURCE}
)
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is asked is the loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """``resource`` is ``name@organisation``; ``gateway``: ours, by default the first that is connected."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    resource: str
    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    timeout_seconds: float = 10.0
    gateway: str = ""

    def __post_init__(self) -> None:
        check_text("a resource", self.resource)
        if self.method not in METHODS:
            raise InvalidValueError("bad_method", f"expected one of {', '.join(sorted(METHODS))}")
        if not self.path.startswith("/") or len(self.path) > MAX_TEXT or not _is_path(self.path):
            raise InvalidValueError("bad_path", "expected a path of visible ASCII characters from / on")
        if not MIN_SECONDS <= self.timeout_seconds <= MAX_SECONDS:
            raise InvalidValueError("bad_timeout", f"expected {MIN_SECONDS:g} to {MAX_SECONDS:g} seconds")
        if len(self.body) > MAX_SENT or len(self.headers) > MAX_HEADERS:
            raise InvalidValueError(
                "bad_request_sent", f"expected at most {MAX_SENT} characters and {MAX_HEADERS} headers"
            )
        for name, value in self.headers.items():
            _check_header(name, value)


def _is_path(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text and "#" not in text


def _check_header(name: str, value: str) -> None:
    lower = name.lower()
    if not lower or not set(lower) <= _TOKEN or lower in _OURS:
        raise InvalidValueError("bad_request_sent", f"expected a header that may be set, got {shown(name)}")
    if len(value) > MAX_TEXT or not value.isprintable() or not value.isascii():
        raise InvalidValueError("bad_request_sent", f"expected printable ASCII in the header {shown(name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoked:
    """What came back. ``body`` is text (what is no UTF-8 is replaced); ``truncated``: there was more."""

    gateway: str
    status: int
    headers: dict[str, str]
    body: str
    truncated: bool
    duration_ms: float
    correlation_id: str


@route(
    Operation(
        "POST",
        INVOKE,
        Invocation,
        Invoked,
        "Send a request through our own egress listener",
        role=Role.OPERATOR,
        deadline=MAX_SECONDS + 5,
        keyed=Keyed.APART,
    )
)
async def invoke(call: Call, wanted: Invocation) -> Reply:
    """Any status that comes back is an answer, also that of our own gateway."""
    gateway = await _gateway(call, wanted.gateway)
    await note(call, "invoke", wanted.resource)
    began = monotonic()
    try:
        async with asyncio.timeout(wanted.timeout_seconds):
            return Reply(await _sent(gateway, wanted, began))
    except TimeoutError as error:
        raise ApiError(
            "no_answer", f"expected an answer within {wanted.timeout_seconds:g} s, got none"
        ) from error
    except (aiohttp.ClientError, OSError) as error:
        raise ApiError(
            "no_answer", f"expected {gateway.id} to answer at its egress address, got {type(error).__name__}"
        ) from error


async def _gateway(call: Call, name: str) -> Gateway:
    connected = {state.gateway for state in await call.deps.deliveries.all() if state.connected}
    async for stored in every(call.deps.objects, Kind.GATEWAY):
        if stored.key == name or (not name and stored.key in connected):
            return value_of(stored, Gateway)
    raise ApiError("no_gateway", f"expected {shown(name) if name else 'a connected gateway'}, got none")


async def _sent(gateway: Gateway, wanted: Invocation, began: float) -> Invoked:
    connector = aiohttp.TCPConnector(limit=1, force_close=True)
    async with aiohttp.ClientSession(
        connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    ) as session:
        options: dict[str, Any] = {"data": wanted.body.encode()} if wanted.body else {}
        async with session.request(
            wanted.method,
            _url(gateway.egress, wanted.path),
            headers={**wanted.headers, _RESOURCE: wanted.resource},
            allow_redirects=False,
            **options,
        ) as answer:
            body, more = await _read(answer)
            return Invoked(
                gateway=gateway.id,
                status=answer.status,
                headers=dict(list(answer.headers.items())[: 2 * MAX_HEADERS]),
                body=body.decode("utf-8", "replace"),
                truncated=more,
                duration_ms=round((monotonic() - began) * 1000, 3),
                correlation_id=answer.headers.get("x-request-id", ""),
            )


def _url(place: Endpoint, path: str) -> "Any":  # noqa: ANN401 - yarl's URL, as aiohttp takes it
    from yarl import URL  # noqa: PLC0415 - comes with aiohttp

    host = _ANYWHERE.get(place.host, place.host)
    host = f"[{host}]" if ":" in host else host
    return URL(f"http://{host}:{place.port}{path}", encoded=True)


async def _read(answer: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_SHOWN:
            return bytes(body[:MAX_SHOWN]), True
    return bytes(body), False


ROUTES = (invoke,)
