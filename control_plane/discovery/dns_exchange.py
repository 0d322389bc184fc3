"""Carries DNS messages: over UDP a socket for each question, over TCP many questions on one connection."""

import asyncio
import errno
from collections import deque
from types import TracebackType
from typing import NamedTuple, Self, cast

from control_plane.discovery.dns_message import Header, MessageError, Question, header

STREAMS = 3  # connections to one server; each has all of its questions under way at once (RFC 7766, 6.2.1.1)
CONNECT_WAIT = 1.0  # seconds
AT_ONCE = 1024  # bytes of answers that are handed on in one turn of the loop, if not a single larger one
_LENGTH = 2  # bytes in front of each message on a connection
_MAX_LATE = 64  # datagrams that are no answer before a socket is given up


class Server(NamedTuple):
    """Where a name server listens."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        """``host:port``, with brackets where a v6 address needs them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def exchange_datagram(server: Server, query: bytes, question: Question) -> tuple[bytes, Header]:
    """Send one datagram from a port of its own, and wait for what answers it; the caller sets the deadline.

    The kernel drops what does not come from the server, and a wrong id or question is not looked at: whoever
    wants to forge an answer has to guess the port and the id (RFC 5452).
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[bytes, Header]] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Datagrams(query, question, answer), remote_addr=(server.host, server.port)
    )
    try:
        return await answer
    finally:
        transport.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(
        self, query: bytes, question: Question, answer: asyncio.Future[tuple[bytes, Header]]
    ) -> None:
        self._query = query
        self._question = question
        self._answer = answer
        self._strange = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.DatagramTransport", transport).sendto(self._query)

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        if self._answer.done():
            return
        try:
            if data[:2] != self._query[:2]:
                raise MessageError("an answer with another id")  # noqa: TRY301 - the same way for all that is strange
            head = header(data, self._question)
        except MessageError as error:
            self._strange += 1
            if self._strange >= _MAX_LATE:
                self._answer.set_exception(error)
        else:
            self._answer.set_result((data, head))

    def error_received(self, exc: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed"))


class StreamPool:
    """A few connections to one server, opened when they are needed and again when they ended."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._streams: list[_Stream | None] = [None] * STREAMS
        self._locks = [asyncio.Lock() for _ in range(STREAMS)]
        self._turn = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams:
            if stream:
                stream.close()

    async def exchange(self, query: bytes) -> bytes:
        """Send one query and return what answers it; OSError when the connection fails."""
        self._turn = (self._turn + 1) % STREAMS
        stream = await self._open(self._turn)
        return await stream.exchange(query)

    async def _open(self, number: int) -> "_Stream":
        async with self._locks[number]:
            stream = self._streams[number]
            if stream is None or stream.ended:
                stream = await self._connect()
                self._streams[number] = stream
            return stream

    async def _connect(self) -> "_Stream":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_WAIT):
                _, stream = await loop.create_connection(_Stream, self._server.host, self._server.port)
        except TimeoutError as error:
            raise ConnectionRefusedError(errno.ETIMEDOUT, "lets nobody in over TCP") from error
        return stream


class _Stream(asyncio.Protocol):
    """One connection: answers come in any order and find their question by its id."""

    def __init__(self) -> None:
        self.ended = False
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._received = bytearray()
        self._arrived = deque[bytes]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(exc or ConnectionResetError(0, "closed the connection"))
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= _LENGTH:
            size = _LENGTH + int.from_bytes(self._received[:_LENGTH], "big")
            if len(self._received) < size:
                return
            self._arrived.append(bytes(self._received[_LENGTH:size]))
            del self._received[:size]
            if len(self._arrived) == 1:
                asyncio.get_running_loop().call_soon(self._hand_on)

    def _hand_on(self) -> None:
        """Wake a few who wait: all at once would hold up everybody else in the loop."""
        size = 0
        while self._arrived and size < AT_ONCE:
            message = self._arrived.popleft()
            size += len(message)
            answer = self._waiting.pop(message[:2], None)  # late or strange ones find nobody
            if answer and not answer.done():
                answer.set_result(message)
        if self._arrived:
            asyncio.get_running_loop().call_soon(self._hand_on)

    async def exchange(self, query: bytes) -> bytes:
        ident = int.from_bytes(query[:2], "big")
        while (key := ident.to_bytes(2, "big")) in self._waiting:
            ident = (ident + 1) % 0x10000
        if self.ended or self._transport is None:
            raise ConnectionResetError(0, "closed the connection")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        try:
            self._transport.write(len(query).to_bytes(_LENGTH, "big") + key + query[2:])
            return await answer
        finally:
            self._waiting.pop(key, None)

    def close(self) -> None:
        if self._transport:
            self._transport.abort()
