"""The socket that partners reach: its own accept loop, so that limits hold before anything is read.

A connection is closed at once when there are too many, in all or of one address. Handshakes have a deadline,
and so has a whole connection: exchanges here are short, so slow senders, slow readers and idle peers all end
the same way.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from control_plane.peering.tls import ServerContexts

_log = structlog.get_logger()
_PAUSE = 0.1  # seconds after an accept that failed (no file descriptors left)
_END = 1.0  # seconds in which a transport finds that it was cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of the listener. ``lifetime`` is of a whole connection; ``handshake`` of TLS; both in seconds."""

    connections: int = 256
    connections_per_peer: int = 16
    lifetime: float = 30.0
    handshake: float = 5.0
    backlog: int = 128
    requests_per_second: float = 50.0  # of one address
    requests_burst: int = 100


class Listener:
    """Serves ``protocols`` (a factory, such as aiohttp's web.Server) on one socket until it is cancelled."""

    def __init__(
        self, contexts: ServerContexts, protocols: Callable[[], asyncio.Protocol], limits: Limits
    ) -> None:
        self._contexts = contexts
        self._protocols = protocols
        self._limits = limits
        self._open: Counter[str] = Counter()

    @property
    def connections(self) -> int:
        """How many are open now."""
        return self._open.total()

    async def run(self, listening: socket.socket) -> None:
        """Accept until cancelled; then close what is open. ``listening`` is bound, and closed at the end."""
        loop = asyncio.get_running_loop()
        listening.settimeout(0)
        listening.listen(self._limits.backlog)
        with listening:
            async with asyncio.TaskGroup() as group:
                while True:
                    try:
                        connection, (peer, *_) = await loop.sock_accept(listening)
                    except OSError as error:
                        _log.warning("a connection could not be accepted", detail=str(error))
                        await asyncio.sleep(_PAUSE)
                        continue
                    if self._full(peer):
                        connection.close()
                        continue
                    self._open[peer] += 1
                    group.create_task(self._serve(connection, peer), name=f"peer {peer}")

    def _full(self, peer: str) -> bool:
        limits = self._limits
        return self.connections >= limits.connections or self._open[peer] >= limits.connections_per_peer

    async def _serve(self, connection: socket.socket, peer: str) -> None:
        """One connection, from its handshake to its end."""
        try:
            async with asyncio.timeout(self._limits.lifetime):
                await self._until_closed(connection)
        except TimeoutError:
            _log.info("a peer's connection was cut", peer=peer, seconds=self._limits.lifetime)
        except OSError as error:  # ssl.SSLError is one
            _log.info("a peer's connection failed", peer=peer, detail=str(error)[:200])
        finally:
            self._open[peer] -= 1
            if not self._open[peer]:
                del self._open[peer]

    async def _until_closed(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        watched = _Watched(self._protocols())
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: watched,
                connection,
                ssl=self._contexts.listening,
                ssl_handshake_timeout=self._limits.handshake,
            )
        except BaseException:
            _cut(connection)
            raise
        try:
            await watched.closed.wait()
        finally:
            # Python 3.11 forgets the connection of a transport that was closed twice, as whoever answers the
            # last request does: aborting does nothing then (AttributeError in Debian 12), so it is cut.
            with suppress(AttributeError):
                transport.abort()
            _cut(connection)
            with suppress(TimeoutError):
                async with asyncio.timeout(_END):
                    await watched.closed.wait()


def _cut(connection: socket.socket) -> None:
    """Let its transport find that it has ended; the transport closes it."""
    with suppress(OSError):  # it is closed
        connection.shutdown(socket.SHUT_RDWR)


class _Watched(asyncio.Protocol):
    """Passes everything on, and knows when the connection is gone."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done."""
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The peer sends no more."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """The peer reads too slowly."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._inner.connection_lost(error)
        self.closed.set()
