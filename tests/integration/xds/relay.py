"""A connection that is looked at: everything between a gateway and the control plane passes here."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK = 65_536


@dataclass
class Relay:
    """Listens on ``path``, connects to a unix path or with TLS to a port; keeps what the server said."""

    path: Path
    target: Path | int
    context: ssl.SSLContext | None = None
    said: bytearray = field(default_factory=bytearray)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
        try:
            far_reader, far_writer = await self._connect()
        except OSError:
            writer.close()  # the gateway sees that nobody is there
            return
        self.connections += 1
        ways = [
            asyncio.create_task(_carry(reader, far_writer, bytearray())),
            asyncio.create_task(_carry(far_reader, writer, self.said)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, far_writer):
                end.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, Path):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection("127.0.0.1", self.target, ssl=self.context)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            kept += data
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def relay(
    path: Path, target: Path | int, *, context: ssl.SSLContext | None = None
) -> AsyncIterator[Relay]:
    """Run a relay for as long as the block lasts."""
    made = Relay(path, target, context)
    tasks: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(made.serve(reader, writer))
        tasks.add(task)
        await asyncio.wait({task})

    server = await asyncio.start_unix_server(accepted, path)
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
