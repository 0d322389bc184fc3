"""The one way out to addresses that partners name.

A name is resolved once; every address is judged by the guard, and what was judged is what is dialled.
Redirects are not followed, answers are bounded in size and time, nothing is decompressed, and no proxy has a
part in it.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from control_plane.model.identity import shown
from control_plane.model.peering import BundleSource, PeeringAddress, split_url
from control_plane.peering import guard
from control_plane.peering.answers import refusal_of
from control_plane.peering.refusal import RefusedError
from control_plane.peering.tls import ClientContext, web_context
from control_plane.plan.addresses import AddressPolicy
from control_plane.ports.errors import UnavailableError

MAX_ANSWER = 1 << 20  # bytes
DEADLINE = 10.0  # seconds for a whole exchange, with resolving and connecting
_OK = 200
_NO_CONTENT = 204
_REDIRECTS = range(300, 400)

_T = TypeVar("_T")


class _Judged(AbstractResolver):
    """Answers with the addresses that were judged, and never asks anybody."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every judged address."""
        del family
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A session with one server; at most one connection at a time."""

    session: aiohttp.ClientSession
    base: str
    context: ssl.SSLContext

    @property
    def channel(self) -> str:
        """What messages on the present connection are bound to; empty before the first."""
        return self.context.channel if isinstance(self.context, ClientContext) else ""

    async def get(self, path: str) -> bytes:
        """The body of the answer."""
        async with self.session.get(self.base + path, allow_redirects=False) as answer:
            return await _body_of(answer)

    async def post(self, path: str, body: Callable[[], bytes], *, content_type: str) -> bytes:
        """Send what ``body`` makes once the connection is there, so that it can be bound to it."""

        async def late() -> AsyncIterator[bytes]:
            yield body()

        headers = {"Content-Type": content_type}
        url = self.base + path
        async with self.session.post(url, data=late(), headers=headers, allow_redirects=False) as answer:
            return await _body_of(answer)


class Outward:
    """Makes exchanges; implements ports.peering.Fetcher."""

    def __init__(self, policy: AddressPolicy, *, deadline: float = DEADLINE) -> None:
        self._policy = policy
        self._deadline = deadline

    async def fetch(self, source: BundleSource, anchors: Sequence[str]) -> bytes:
        """A bundle document, from the first URL that answers."""
        *others, last = source.urls
        for url in others:
            try:
                return await self._fetch(url, source, anchors)
            except UnavailableError:
                continue
        return await self._fetch(last, source, anchors)

    async def _fetch(self, url: str, source: BundleSource, anchors: Sequence[str]) -> bytes:
        address = split_url(url)
        spiffe_id = source.spiffe_id
        context = web_context() if spiffe_id is None else ClientContext.to(spiffe_id, anchors)
        path = url.removeprefix("https://").partition("/")[2]
        async with self._exchange(address, context) as exchange:
            return await exchange.get(f"/{path}")

    async def talk(
        self,
        addresses: Sequence[PeeringAddress],
        context: ClientContext,
        conversation: Callable[[Exchange], Awaitable[_T]],
    ) -> _T:
        """Hold a conversation with the server at the first of ``addresses`` that can be reached.

        Raises UnavailableError, RefusedError ``untrusted_server``, and what the conversation raises.
        """
        *others, last = addresses
        for address in others:
            try:
                async with self._exchange(address, context) as exchange:
                    return await conversation(exchange)
            except UnavailableError:
                if context.channel:  # something may have been said already
                    raise
        async with self._exchange(last, context) as exchange:
            return await conversation(exchange)

    @asynccontextmanager
    async def _exchange(self, address: PeeringAddress, context: ssl.SSLContext) -> AsyncIterator[Exchange]:
        try:
            async with (
                asyncio.timeout(self._deadline),
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(
                        resolver=_Judged(await self._resolve(address)),
                        ssl=context,
                        limit=1,
                        use_dns_cache=False,
                    ),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=None),  # the deadline is around everything
                    headers={"User-Agent": "proxenia"},
                ) as session,
            ):
                yield Exchange(session, address.url, context)
        except (
            ssl.CertificateError,
            aiohttp.ClientConnectorCertificateError,
            aiohttp.ClientConnectorSSLError,
        ) as error:
            raise RefusedError("untrusted_server", f"{address}: {shown(str(error))}") from error
        except TimeoutError as error:
            raise UnavailableError(f"{address} did not answer within {self._deadline:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"{address} does not answer: {shown(str(error))}") from error

    async def _resolve(self, address: PeeringAddress) -> tuple[str, ...]:
        """The addresses of a host that may be dialled; a literal address is its own answer."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise UnavailableError(f"{address.host} cannot be resolved: {shown(str(error))}") from error
        return guard.choose(self._policy, (str(place[0]) for *_, place in found))


async def _body_of(answer: aiohttp.ClientResponse) -> bytes:
    """The body, bounded; RefusedError or UnavailableError for any other answer than a good one."""
    if answer.status in _REDIRECTS:
        raise RefusedError(
            "redirected", "expected an answer, got a redirect: the address is not the right one"
        )
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RefusedError("unexpected_answer", "expected an answer that is not compressed, got one that is")
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise RefusedError(
                "answer_too_large", f"expected an answer of at most {MAX_ANSWER} bytes, got more"
            )
    if answer.status not in {_OK, _NO_CONTENT}:
        raise refusal_of(answer.status, bytes(body))
    return bytes(body)
