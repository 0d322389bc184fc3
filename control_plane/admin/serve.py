"""The sockets of the admin API: a unix socket for the operator, and loopback TCP for whoever has a token."""

import asyncio
import os
import socket
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from aiohttp import web

from control_plane.admin.tls import ServerTls, TlsError, TlsFiles

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LINGER = 1.0  # seconds that a refused sender of a large body has to notice
_BACKLOG = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """With clients, in seconds: until TLS is agreed on, and until a connection's next request has its head.

    Commands use a connection once, and libraries keep one for about 15 seconds.
    """

    handshake: float = 5.0
    head: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp:
    """Where to listen beside the unix socket; ``port`` 0: any free one. Wider than the loopback: with TLS."""

    port: int = 0
    host: str = "127.0.0.1"
    tls: TlsFiles | None = None


class AdminSocketError(Exception):
    """The API cannot listen where it should; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Where the API listens; ``port`` None means not on TCP."""

    unix_path: Path
    port: int | None


@asynccontextmanager
async def serve_admin(
    app: web.Application,
    unix_path: Path,
    *,
    tcp: Tcp | None = None,
    patience: Patience = Patience(),
) -> AsyncIterator[Serving]:
    """Serve ``app`` in the block, on TCP too if that is given. Raises AdminSocketError."""
    if tcp and tcp.tls is None:
        _check_loopback(tcp.host)
    context = _context(tcp.tls if tcp else None)
    listeners = [_unix_socket(unix_path)]
    servers: list[asyncio.Server] = []
    runner = web.AppRunner(
        app,
        access_log=None,  # changes are in the audit
        auto_decompress=False,  # compressed bodies are refused, not unpacked
        keepalive_timeout=patience.head,  # counted from the beginning of a connection, too
        lingering_time=_LINGER,
        shutdown_timeout=5.0,
        handle_signals=False,
    )
    try:
        if tcp:
            listeners.append(_tcp_socket(tcp.host, tcp.port))
        await runner.setup()
        for listener in listeners:
            secured = context if listener.family != socket.AF_UNIX else None
            servers.append(await _listen(runner, listener, secured, patience))
        yield Serving(unix_path, None if tcp is None else listeners[-1].getsockname()[1])
    finally:
        for server in servers:
            server.close()
        await runner.cleanup()
        for listener in listeners:
            listener.close()
        unix_path.unlink(missing_ok=True)  # noqa: ASYNC240 - one call on a local directory


async def _listen(
    runner: web.AppRunner, listener: socket.socket, context: ssl.SSLContext | None, patience: Patience
) -> asyncio.Server:
    """As aiohttp does, which leaves whoever does not finish a handshake a minute."""
    protocols = runner.server
    assert protocols is not None  # noqa: S101 - it is set up
    return await asyncio.get_running_loop().create_server(
        protocols,
        sock=listener,
        backlog=_BACKLOG,
        ssl=context,
        ssl_handshake_timeout=patience.handshake if context else None,
    )


def _check_loopback(host: str) -> None:
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise AdminSocketError(
            f"expected a loopback address for the admin API, got {host}: anything wider needs TLS; set"
            " admin_certificate_file and admin_key_file, or use an SSH tunnel to the loopback address"
        )


def _context(tls: TlsFiles | None) -> ssl.SSLContext | None:
    try:
        return None if tls is None else ServerTls(tls).listening
    except (OSError, TlsError) as error:
        raise AdminSocketError(str(error)) from error


def _tcp_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise AdminSocketError(
            f"cannot listen on {host} port {port} ({error.strerror}): choose another port"
        ) from error


def _unix_socket(path: Path) -> socket.socket:
    """A socket that only its owner can open: 0600, in a directory that only its owner can enter."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = path.parent.stat().st_mode
    if mode & _OTHERS:
        raise AdminSocketError(
            f"expected {path.parent} to be open to its owner only, got mode {stat.S_IMODE(mode):04o}:"
            " chmod 700 it"
        )
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.setblocking(False)  # noqa: FBT003 - the socket module's signature
    except OSError as error:
        listener.close()
        raise AdminSocketError(f"cannot listen on {path}: {error.strerror or error}") from error
    return listener


def _remove_stale(path: Path) -> None:
    """Remove the socket that a killed process left; one that answers belongs to somebody."""
    if not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            path.unlink(missing_ok=True)
            return
    raise AdminSocketError(f"another control plane answers on {path}: stop it first")
