"""The federation cases as real handshakes, to the real Envoy, with the configuration that we generate.

In all of them the identity that is claimed is registered and granted, if it can be: what is tried is the
certificate alone.
"""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from control_plane.pki.path import Purpose
from tests.integration.translate.certificates import Authority
from tests.integration.translate.envoy import running
from tests.integration.trust.ingresses import HOST, IDENTITY, OWN, configuration, sets_of
from tests.unit.pki.cases import federation_cases
from tests.unit.pki.federation import FederationCase

pytestmark = pytest.mark.integration

REQUEST = f"GET / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n".encode()

# What our own verification refuses, Envoy lets through, and no setting of Envoy's changes. In each of them a
# partner's own authority vouches for one of that partner's own ids, against the rules that we would have it
# follow; in none does anybody speak for another organisation.
ENVOY_DOES_NOT_LOOK_AT = {
    # Extended key usage: its SPIFFE validator sets no purpose.
    "no EKU",
    "EKU for servers, as a client",
    "EKU for code",
    "EKU for anything",
    "EKU for anything and clients",
    "an intermediate that certifies code only",
    "an intermediate that certifies servers only",
    "an intermediate limited to its URIs that certifies servers only",
    # How long a certificate is valid for.
    "a leaf of 90 days and a second",
    "a leaf of ten years",
    # What authorities sign with.
    "a signature over SHA-224",
    "an intermediate with RSA-1024",
    "an intermediate with Ed25519",
    # How long the chain is, which the SPIFFE validator is not told by max_verify_depth; and a limit that a
    # self-issued anchor sets to it.
    "nine certificates",
    "5 intermediates",
    "six intermediates and a self-issued link",
    "an authority below a short root",
    # What else authorities and leaves say of themselves.
    "an intermediate that has no key usage",
    "a leaf with name constraints",
    "an authority of another trust domain below ours",
    "an authority with a workload's id",
}


def offered_cases() -> list[FederationCase]:
    """Those of callers whose times a server with a running clock can judge."""
    return [case for case in federation_cases() if not case.exact and case.purpose is Purpose.CLIENT]


@asynccontextmanager
async def service() -> AsyncIterator[int]:
    """Something behind the ingress that answers everything with 200; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port: int = server.sockets[0].getsockname()[1]
        yield port


def client(file: Path, case: FederationCase) -> ssl.SSLContext:
    """A client that believes every server, and offers the case's certificate."""
    file.write_text(case.key + case.chain)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    tls.set_ciphers("ALL:@SECLEVEL=0")  # or our own side would refuse to offer what is weak
    tls.load_cert_chain(file)
    return tls


async def is_served(port: int, file: Path, case: FederationCase) -> bool:
    """Whether the case's certificate gets a request answered with 200."""
    try:
        tls = client(file, case)
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
            try:
                writer.write(REQUEST)
                await writer.drain()
                status = await reader.readline()
            finally:
                writer.close()
    except (ssl.SSLError, ConnectionError):
        return False
    return status.startswith(b"HTTP/1.1 200")


async def test_each_case_is_served_or_refused_as_our_own_verification_says() -> None:
    cases = offered_cases()
    bundles = sets_of(cases)
    with tempfile.TemporaryDirectory(prefix="px-") as name:
        directory = Path(name)
        Authority(OWN).leaf(IDENTITY).write(directory / "sds")
        async with (
            service() as upstream,
            running(directory, configuration(cases, upstream)) as envoy,
        ):
            served = {
                case.name: await is_served(
                    envoy.ports[f"ingress-{bundles.index(case.bundles)}"], directory / "offered.pem", case
                )
                for case in cases
            }

    wanted = {case.name: case.want == "accept" for case in cases}
    assert len(cases) >= 100
    assert {name for name in wanted if served[name] and not wanted[name]} == ENVOY_DOES_NOT_LOOK_AT
    assert {name for name in wanted if wanted[name] and not served[name]} == set()
