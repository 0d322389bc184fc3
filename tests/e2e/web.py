"""A bundle endpoint of other software: an HTTPS server with a certificate of a web authority of its own."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from control_plane.app.demo.organisation import free_port
from control_plane.model.bundle import Bundle
from control_plane.pki import spiffe_bundle

HOST = "127.0.0.1"


@dataclass
class Endpoint:
    """Serves ``bundle`` once it is there; ``authority`` is a file for those who shall believe it."""

    directory: Path
    port: int
    bundle: Bundle | None = None

    @property
    def url(self) -> str:
        """Where the bundle is."""
        return f"https://{HOST}:{self.port}/bundle"

    @property
    def authority(self) -> Path:
        """PEM of the web authority."""
        return self.directory / "web-authority.pem"

    async def answer(self, _: web.Request) -> web.Response:
        """The present bundle."""
        if self.bundle is None:
            return web.Response(status=503)
        body = spiffe_bundle.encode(self.bundle, refresh_hint=60)
        return web.Response(body=body, content_type="application/json")


@asynccontextmanager
async def endpoint(directory: Path) -> AsyncIterator[Endpoint]:
    """A running one."""
    made = Endpoint(directory, free_port())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certified(made))
    app = web.Application()
    app.router.add_get("/bundle", made.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, made.port, ssl_context=context).start()
        yield made
    finally:
        await runner.cleanup()


def _certified(made: Endpoint) -> Path:
    """A file with the server's key and certificate; the authority's is written beside it."""
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a web authority")])
    basic = x509.BasicConstraints(ca=True, path_length=0)
    above = _begun(root_name, root_name, root.public_key()).add_extension(basic, critical=True)
    made.authority.write_bytes(above.sign(root, hashes.SHA256()).public_bytes(Encoding.PEM))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))])
    leaf = _begun(name, root_name, own.public_key()).add_extension(names, critical=False)
    key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = made.directory / "web-server.pem"
    file.write_bytes(key + leaf.sign(root, hashes.SHA256()).public_bytes(Encoding.PEM))
    return file


def _begun(name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
