"""Fetching from addresses that partners name: only the right server is talked to, and no answer harms us."""

import asyncio
import gzip
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.peering import BundleProfile, BundleSource, PeeringAddress
from control_plane.model.problem import InvalidValueError
from control_plane.peering.client import MAX_ANSWER, Outward
from control_plane.pki import spiffe_bundle
from control_plane.pki.certificate import to_pem
from control_plane.plan.addresses import AddressPolicy
from control_plane.ports.errors import UnavailableError
from control_plane.trust.ca_files import key_pem
from tests.unit.peering.world import Organisation, new_key

pytestmark = pytest.mark.integration

VISBY, RIGA = TrustDomain("visby.example"), TrustDomain("riga.example")
NOW = datetime.now(UTC)
LOOPBACK = AddressPolicy.of(["127.0.0.0/8"])
OUTWARD, HASTY = Outward(LOOPBACK), Outward(LOOPBACK, deadline=2)
Chain = Sequence[x509.Certificate]


@dataclass
class Server:
    """Answers every connection with the same bytes, and counts what it was sent."""

    answer: Callable[[asyncio.StreamWriter], Awaitable[None]]
    port: int = 0
    requests: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.read(4096):
                self.requests += 1
                await self.answer(writer)
        except ConnectionError:
            pass  # the client had enough
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    server: Server, key: ec.EllipticCurvePrivateKey, chain: Chain, *, tls: bool = True
) -> AsyncIterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(key_pem(key) + to_pem(chain).encode())
        file.flush()
        context.load_cert_chain(file.name)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context if tls else None)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


def saying(body: bytes, *headers: str, status: str = "200 OK") -> Server:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
    whole = "\r\n".join(lines).encode() + body

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(whole)
        await writer.drain()

    return Server(answer)


def source_of(server: Server, organisation: TrustDomain = VISBY) -> BundleSource:
    return BundleSource.of_peer(organisation, (PeeringAddress("127.0.0.1", server.port),))


async def code_of(call: Awaitable[object]) -> str:
    try:
        await call
    except InvalidValueError as error:
        return error.code
    except UnavailableError:
        return "unavailable"
    return "taken"


@pytest.fixture(scope="module")
def visby() -> Organisation:
    return Organisation.new(VISBY, now=NOW)


@pytest.fixture(scope="module")
def riga() -> Organisation:
    return Organisation.new(RIGA, now=NOW)


def document(organisation: Organisation) -> bytes:
    return spiffe_bundle.encode(organisation.bundle, refresh_hint=300)


async def test_a_bundle_is_fetched_from_the_identity_that_the_present_one_verifies(
    visby: Organisation,
) -> None:
    async with serving(saying(document(visby)), visby.key, visby.chain) as server:
        data = await OUTWARD.fetch(source_of(server), visby.bundle.anchors)

    assert spiffe_bundle.parse(data, VISBY).bundle == visby.bundle
    assert server.requests == 1


async def test_the_next_url_is_tried_when_one_does_not_answer(visby: Organisation) -> None:
    async with serving(saying(document(visby)), visby.key, visby.chain) as server:
        good = source_of(server)
        source = replace(good, urls=("https://127.0.0.1:1/peering/v1/bundle", *good.urls))

        data = await OUTWARD.fetch(source, visby.bundle.anchors)

    assert data == document(visby)


async def test_a_server_that_is_not_the_one_is_sent_not_a_single_byte(
    visby: Organisation, riga: Organisation
) -> None:
    gateway = new_key()
    both, none = new_key(), new_key()
    ids = ["spiffe://visby.example/control-plane", "spiffe://riga.example/control-plane"]
    cases: dict[str, tuple[ec.EllipticCurvePrivateKey, Chain]] = {
        "another organisation": (riga.key, riga.chain),
        "a gateway": (gateway, visby.leaf(SpiffeId("spiffe://visby.example/gateway/1"), gateway, now=NOW)),
        "another's name under our anchor": (
            gateway,
            visby.leaf(SpiffeId("spiffe://riga.example/control-plane"), gateway, now=NOW),
        ),
        "expired": (
            gateway,
            visby.leaf(
                SpiffeId("spiffe://visby.example/control-plane"), gateway, now=NOW - timedelta(days=2)
            ),
        ),
        "the authority itself": (visby.issuing_key, (visby.issuing,)),
        "two identities": (both, custom(visby, both, ids)),
        "no identity": (none, custom(visby, none, [])),
        "self-signed": (gateway, (self_signed(gateway),)),
    }

    for name, (key, chain) in cases.items():
        async with serving(saying(document(visby)), key, chain) as server:
            code = await code_of(OUTWARD.fetch(source_of(server), visby.bundle.anchors))
        assert (name, code, server.requests) == (name, "untrusted_server", 0)


def custom(
    organisation: Organisation, key: ec.EllipticCurvePrivateKey, ids: list[str]
) -> tuple[x509.Certificate, ...]:
    """A leaf of the organisation's own authority with these URI SANs."""
    good = organisation.leaf(SpiffeId("spiffe://visby.example/control-plane"), key, now=NOW)[0]
    builder = x509.CertificateBuilder(
        issuer_name=good.issuer,
        subject_name=good.subject,
        public_key=good.public_key(),
        serial_number=good.serial_number,
        not_valid_before=good.not_valid_before_utc,
        not_valid_after=good.not_valid_after_utc,
    )
    for extension in good.extensions:
        if not isinstance(extension.value, x509.SubjectAlternativeName):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    if ids:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(one) for one in ids])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(organisation.issuing_key, hashes.SHA256()), organisation.issuing


def self_signed(key: ec.EllipticCurvePrivateKey, *, host: str = "") -> x509.Certificate:
    """A certificate of a web server, or of nobody."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host or "somebody")])
    sans: list[x509.GeneralName] = [x509.DNSName(host)] if host else []
    sans += [] if host else [x509.UniformResourceIdentifier("spiffe://visby.example/control-plane")]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(minutes=5))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(sans), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


async def test_an_answer_that_is_none_is_refused_in_bounded_time_and_memory(visby: Organisation) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
        for _ in range(4 * MAX_ANSWER // 0x10000):
            writer.write(piece)
            await writer.drain()

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(50):
            writer.write(b"a")
            await asyncio.sleep(0.1)

    async def silence(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)
        writer.write(b"late")

    async def torn(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhello")

    packed = gzip.compress(document(visby))
    cases = {
        "redirect": (saying(b"", "location: https://127.0.0.1:1/", status="302 Found"), "redirected"),
        "redirect to http": (
            saying(b"", "location: http://127.0.0.1:1/", status="301 Moved"), "redirected"
        ),
        "too large": (saying(b"a" * (MAX_ANSWER + 1)), "answer_too_large"),
        "endless": (Server(endless), "answer_too_large"),
        "compressed": (saying(packed, "content-encoding: gzip"), "unexpected_answer"),
        "slow": (Server(drip), "unavailable"),
        "silent": (Server(silence), "unavailable"),
        "torn": (Server(torn), "unavailable"),
        "not http": (saying(b"", status="hello"), "unavailable"),
        "not found": (saying(b"", status="404 Not Found"), "partner_refused"),
        "broken": (saying(b"<html>", status="500 Oops"), "unavailable"),
        "a long header": (saying(b"", "x: " + "a" * 100_000), "unavailable"),
        "another's words": (saying(b'{"code":"partner_revoked"}', status="403 No"), "partner_revoked"),
        "invented words": (saying(b'{"code":"<script>"}', status="403 No"), "partner_refused"),
        "html": (saying(b"<!doctype html><p>Welcome"), "taken"),  # refused where it is read
    }  # fmt: skip

    for name, (answering, code) in cases.items():
        outward = HASTY if name in {"slow", "silent"} else OUTWARD
        async with serving(answering, visby.key, visby.chain) as server:
            got = await code_of(outward.fetch(source_of(server), visby.bundle.anchors))
        assert (name, got) == (name, code)


async def test_a_server_without_tls_is_not_talked_to(visby: Organisation) -> None:
    async with serving(saying(document(visby)), visby.key, visby.chain, tls=False) as server:
        code = await code_of(OUTWARD.fetch(source_of(server), visby.bundle.anchors))

    assert code in {"untrusted_server", "unavailable"}


async def test_nothing_is_verified_by_an_empty_bundle(visby: Organisation) -> None:
    async with serving(saying(document(visby)), visby.key, visby.chain) as server:
        code = await code_of(OUTWARD.fetch(source_of(server), ()))

    assert (code, server.requests) == ("trust_withdrawn", 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_server_at_a_forbidden_address_is_not_even_connected_to(
    visby: Organisation, host: str
) -> None:
    connections = 0

    def count(_reader: object, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    listening = await asyncio.start_server(count, "127.0.0.1", 0)
    async with listening:
        address = PeeringAddress(host, listening.sockets[0].getsockname()[1])
        source = BundleSource.of_peer(VISBY, (address,))
        code = await code_of(Outward(AddressPolicy()).fetch(source, visby.bundle.anchors))

    assert (code, connections) == ("forbidden_address", 0)


async def test_a_web_endpoint_is_known_by_its_host_name(
    visby: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, other = new_key(), new_key()
    named, misnamed = self_signed(key, host="localhost"), self_signed(other, host="visby.example")
    roots = tmp_path / "roots.pem"
    roots.write_text(to_pem([named, misnamed]), encoding="ascii")
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    codes = []

    for server_key, certificate in ((key, named), (other, misnamed)):
        async with serving(saying(document(visby)), server_key, (certificate,)) as server:
            source = BundleSource(
                VISBY, BundleProfile.HTTPS_WEB, (f"https://localhost:{server.port}/bundle",)
            )
            codes.append(await code_of(OUTWARD.fetch(source, ())))

    assert codes == ["taken", "untrusted_server"]
