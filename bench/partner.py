"""A partner for the benchmarks: a real Envoy with TLS on two ports, each answering with its own name."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import randbits

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from control_plane.gateway.envoy_binary import find_envoy
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.pki import sign, template
from control_plane.pki.certificate import to_pem

_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def serial() -> int:
    """A random serial number of full length."""
    return randbits(template.SERIAL_BITS) | 1 << (template.SERIAL_BITS - 1)


@dataclass(frozen=True, slots=True)
class Authority:
    """A throw-away CA of one organisation."""

    trust_domain: TrustDomain
    key: EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def of(cls, trust_domain: str) -> "Authority":
        """Make one."""
        key, domain = generate_private_key(SECP256R1()), TrustDomain(trust_domain)
        now, day = datetime.now(UTC), timedelta(days=1)
        wanted = template.root(domain, key.public_key(), serial=serial(), now=now, lifetime=day)
        return cls(domain, key, sign.self_signed(wanted, key))

    @property
    def anchor(self) -> str:
        """The root, as PEM."""
        return to_pem([self.certificate])

    def identity(self, path: str) -> tuple[str, str]:
        """Key and certificate of ``spiffe://<trust domain>/<path>``, as PEM."""
        key, now = generate_private_key(SECP256R1()), datetime.now(UTC)
        wanted = template.leaf(
            SpiffeId(f"spiffe://{self.trust_domain}/{path}"),
            key.public_key(),
            serial=serial(),
            now=now,
            lifetime=timedelta(hours=6),
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return private, to_pem([sign.signed(wanted, self.certificate, self.key)])


def _listener(name: str, port: int, key: str, chain: str) -> dict[str, object]:
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": name}}}
    manager = {
        "@type": _HCM,
        "stat_prefix": name,
        "codec_type": "AUTO",
        "route_config": {"virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER}}],
    }
    certificate = {"certificate_chain": {"inline_string": chain}, "private_key": {"inline_string": key}}
    common = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
        "alpn_protocols": ["h2"],
        "tls_certificates": [certificate],
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {
                "transport_socket": {
                    "name": "tls",
                    "typed_config": {"@type": _TLS, "common_tls_context": common},
                },
                "filters": [{"name": "http", "typed_config": manager}],
            }
        ],
    }


@asynccontextmanager
async def partner(authority: Authority, ports: tuple[int, int], directory: Path) -> AsyncIterator[None]:
    """Serve ``first`` and ``second`` on the two ports until the block ends."""
    key, chain = authority.identity("gateway/0")
    listeners = [
        _listener(name, port, key, chain) for name, port in zip(("first", "second"), ports, strict=True)
    ]
    config = directory / "partner.json"
    config.write_text(json.dumps({"static_resources": {"listeners": listeners}}))
    argv = [find_envoy(None), "-c", config, "--disable-hot-restart", "--concurrency", "1", "-l", "error"]
    process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL)  # noqa: ASYNC220 - a fork, once
    try:
        async with asyncio.timeout(10):
            await asyncio.gather(*(_listening(port) for port in ports))
        yield
    finally:
        process.terminate()
        process.wait(10)


async def _listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
