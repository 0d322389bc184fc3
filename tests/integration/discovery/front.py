"""Between a source and a server: passes everything on, or breaks off, falls silent, says nonsense."""

import asyncio
from contextlib import suppress
from enum import StrEnum
from urllib.parse import urlsplit

from control_plane.app.demo.organisation import free_port

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Consul-Index: 7\r\n"


class Mood(StrEnum):
    """How it treats connections."""

    HONEST = "honest"
    SILENT = "silent"  # takes everything, and passes nothing on
    LYING = "lying"  # answers by itself


class Front:
    """A TCP relay on a loopback port; ``address`` is what to give to a source."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._mood = Mood.HONEST
        self._answer = b""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._port = free_port()

    @property
    def address(self) -> str:
        """Its URL."""
        return f"{self._target.scheme}://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen; after a stop, on the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def stop(self) -> None:
        """Refuse connections, and end those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._drop()

    async def be_honest(self) -> None:
        """Pass everything on again; what is open ends."""
        self._mood = Mood.HONEST
        await self._drop()
        if self._server is None:
            await self.start()

    async def lie(self, answer: bytes) -> None:
        """Answer each question with this."""
        self._mood, self._answer = Mood.LYING, answer
        await self._drop()

    def be_silent(self) -> None:
        """Keep what is open, and pass nothing on."""
        self._mood = Mood.SILENT

    async def _drop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await (self._lie(reader, writer) if self._mood is Mood.LYING else self._relay(reader, writer))
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _lie(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self._answer)
            await writer.drain()
            if b"Content-Length" not in self._answer:
                return

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            back.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(64 << 10):
            if self._mood is Mood.SILENT:
                await asyncio.Event().wait()
            sink.write(chunk)
            await sink.drain()
        sink.close()


def answer(body: bytes, head: bytes = HEAD) -> bytes:
    """A complete answer with this body."""
    return head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
