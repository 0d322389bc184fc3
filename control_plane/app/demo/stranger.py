"""Somebody whom no organisation trusts knocks at an ingress."""

import asyncio
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import randbits

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from control_plane.app.demo.organisation import DemoError
from control_plane.model.identity import SpiffeId
from control_plane.pki import sign, template
from control_plane.pki.certificate import to_pem
from control_plane.pki.template import SERIAL_BITS

CLAIMED = "spiffe://novgorod.example/gateway/novgorod-1"


async def knock(port: int) -> None:
    """Offer a self-made certificate in a partner's name; DemoError unless the gateway refuses it."""
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
    except (ssl.SSLError, ConnectionError):
        return
    if answer:
        message = f"expected a refused handshake, got an answer: {answer!r}"
        raise DemoError(message)


def _context(directory: Path) -> ssl.SSLContext:
    """Client TLS with a certificate that a CA of our own signed for somebody else's name."""
    now, serial = datetime.now(UTC), randbits(SERIAL_BITS) | 1 << (SERIAL_BITS - 1)
    spiffe_id, day = SpiffeId(CLAIMED), timedelta(days=1)
    root_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    authority = template.root(
        spiffe_id.trust_domain, root_key.public_key(), serial=serial, now=now, lifetime=day
    )
    root = sign.self_signed(authority, root_key)
    leaf = template.leaf(spiffe_id, key.public_key(), serial=serial ^ 1, now=now, lifetime=day / 2)
    chain = to_pem([sign.signed(leaf, root, root_key), root])
    file = directory / "stranger.pem"
    file.touch(mode=0o600)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    file.write_text(private + chain, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the stranger does not care whom it attacks
    context.load_cert_chain(file)
    return context
