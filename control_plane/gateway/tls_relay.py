"""The agent's way to a control plane over TCP: a unix socket of its own whose far end is mutual TLS.

gRPC for Python compares a server's certificate with host names only, and a control plane is known by its
SPIFFE id. So the TLS connection is made here, where the certificate can be checked for exactly that id;
gRPC speaks through the socket, which lies in a directory that only this user can enter. Each new connection
reads key, certificate and anchors again, so a renewed certificate needs no restart.
"""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from control_plane.gateway.config import AgentConfig, AgentError
from control_plane.gateway.identity import load

_log = structlog.get_logger(__name__)
_CHUNK = 64 << 10
_DIAL_TIMEOUT = 5.0


@asynccontextmanager
async def relay(config: AgentConfig) -> AsyncIterator[str]:
    """Serve the relay's socket while the context lasts; yields the gRPC target."""
    socket = config.files.relay_socket
    socket.unlink(missing_ok=True)
    last_failure = ""

    async def connect(near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        nonlocal last_failure
        try:
            far_reader, far_writer = await asyncio.wait_for(dial(config), _DIAL_TIMEOUT)
        except (OSError, AgentError, TimeoutError) as error:
            failure = str(error) or type(error).__name__
            if failure != last_failure:  # gRPC tries again and again; one line for each new reason is enough
                _log.warning("control_plane_unreachable", target=config.control_plane, reason=failure)
            last_failure = failure
            near_writer.close()
            return
        last_failure = ""
        try:
            await _join((near_reader, near_writer), (far_reader, far_writer))
        finally:
            # Without waiting for the farewells of TLS: HTTP/2 has told what there was to tell.
            near_writer.transport.abort()
            far_writer.transport.abort()

    server = await asyncio.start_unix_server(connect, socket)
    socket.chmod(0o600)
    try:
        yield f"unix:{socket}"
    finally:
        server.close()
        socket.unlink(missing_ok=True)


async def dial(config: AgentConfig) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect with mutual TLS 1.3; AgentError when the other end is not our control plane."""
    reader, writer = await asyncio.open_connection(
        config.target.host,
        config.target.port,
        ssl=await asyncio.to_thread(_context, config),
        server_hostname="",
    )
    names = writer.get_extra_info("peercert").get("subjectAltName", ())
    identities = [value for kind, value in names if kind == "URI"]
    # SPIFFE X.509-SVID section 2: exactly one URI, compared whole.
    if identities != [str(config.control_plane_id)]:
        writer.close()
        raise AgentError(f"expected a certificate of {config.control_plane_id}, got {identities!r:.200}")
    return reader, writer


def _context(config: AgentConfig) -> ssl.SSLContext:
    identity = load(config.files)
    if identity is None:
        raise AgentError(
            f"expected key and certificate in {config.files.own}, found none: enrol this gateway"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = (
        False  # a SPIFFE id is no host name; dial compares it, after the chain was verified
    )
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    context.load_verify_locations(cadata=identity.anchors)
    # The ssl module reads keys from files only; own.json holds them as Envoy reads them.
    with tempfile.NamedTemporaryFile("w", dir=config.files.run) as file:
        file.write(identity.key + identity.chain)
        file.flush()
        context.load_cert_chain(file.name)
    return context


Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _join(near: Side, far: Side) -> None:
    """Carry bytes both ways until either side ends."""
    async with asyncio.TaskGroup() as group:
        pumps = [
            group.create_task(_pump(near[0], far[1]), name="relay out"),
            group.create_task(_pump(far[0], near[1]), name="relay in"),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(
        OSError
    ):  # a side that is gone ends the connection like one that closes it; gRPC reports it
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
