"""Somebody whom no organisation trusts knocks at an ingress."""

import asyncio
import ssl
import tempfile
from pathlib import Path

from control_plane.app.demo.organisation import DemoError

CLAIMED = "spiffe://novgorod.example/gateway/novgorod-1"


async def knock(port: int) -> str:
    """Offer a self-made certificate in a partner's name; how it was refused. DemoError when not."""
    with tempfile.TemporaryDirectory() as directory:
        context = _context(Path(directory))
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            try:
                # In TLS 1.3 the server judges our certificate after the handshake has ended on our side.
                writer.write(b"GET / HTTP/1.1\r\nhost: orders.luebeck.example\r\n\r\n")
                await writer.drain()
                answer = await reader.read(100)
            finally:
                writer.close()
    except ssl.SSLError as error:
        return f"TLS alert: {(error.reason or 'handshake failure').lower().replace('_', ' ')}"
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        return type(error).__name__
    if answer:
        message = f"expected a refused handshake, got an answer: {answer!r}"
        raise DemoError(message)
    return "connection closed"


def _context(directory: Path) -> ssl.SSLContext:
    """Client TLS with a certificate that a CA of our own signed for somebody else's name."""
    raise NotImplementedError
