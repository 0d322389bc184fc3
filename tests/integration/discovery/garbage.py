"""A name server that answers nonsense, over UDP and TCP: what no real one can be made to say."""

import asyncio
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Self

from control_plane.discovery.dns_exchange import Server

_ANSWER = 0x8400
_HEADER = struct.Struct("!HHHHHH")

Nonsense = Callable[[bytes], bytes]  # from the query to the answer


def _question(query: bytes) -> bytes:
    """The question of a query, without what EDNS adds behind it."""
    return query[_HEADER.size : query.index(b"\x00", _HEADER.size) + 5]


def _head(query: bytes, answers: int, flags: int = _ANSWER) -> bytes:
    return query[:2] + struct.pack("!HHHHH", flags, 1, answers, 0, 0)


def answer(query: bytes, *records: bytes, count: int | None = None) -> bytes:
    """An answer with these records, whatever they are."""
    return _head(query, len(records) if count is None else count) + _question(query) + b"".join(records)


def record(name: bytes, rtype: int, data: bytes, length: int | None = None) -> bytes:
    """A record in class IN, whose length may lie."""
    return name + struct.pack("!HHIH", rtype, 1, 60, len(data) if length is None else length) + data


LOOP = b"\xc0\x0c"  # the name of the question: here also the place of the pointer itself
NONSENSE: dict[str, Nonsense] = {
    "noise": lambda query: query[:2] + bytes(range(256)) * 2,
    "nothing but an id": lambda query: query[:2],
    "a query": lambda query: query,
    "an answer to another question": lambda query: _head(query, 0) + b"\x05other\x00\x00\x0c\x00\x01",
    "a pointer to itself": lambda query: answer(
        query, record(b"\xc0" + bytes([len(answer(query))]), 12, LOOP)
    ),
    "a pointer forward": lambda query: answer(query, record(b"\xff\xff", 12, LOOP)),
    "more records than there are": lambda query: answer(query, record(LOOP, 12, LOOP), count=65535),
    "a length that lies": lambda query: answer(query, record(LOOP, 12, LOOP, length=60000)),
    "an address of three bytes": lambda query: answer(query, record(LOOP, 1, b"\x7f\x00\x01")),
    "an alias of itself": lambda query: answer(query, record(LOOP, 5, LOOP)),
}


class Garbage:
    """Listens where a name server was, and answers by ``nonsense``."""

    def __init__(self, server: Server, nonsense: Nonsense) -> None:
        self._server = server
        self._nonsense = nonsense
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._writers = set[asyncio.StreamWriter]()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Udp(self._nonsense), local_addr=(self._server.host, self._server.port)
        )
        self._tcp = await asyncio.start_server(self._serve, self._server.host, self._server.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        assert self._udp is not None
        assert self._tcp is not None
        self._udp.close()
        self._tcp.close()
        for writer in self._writers:
            writer.close()
        await self._tcp.wait_closed()
        await asyncio.sleep(0.05)  # those who were served notice

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                said = self._nonsense(query)
                writer.write(len(said).to_bytes(2, "big") + said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, nonsense: Nonsense) -> None:
        self._nonsense = nonsense
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        self._transport.sendto(self._nonsense(data), addr)
