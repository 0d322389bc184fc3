"""Consul over TLS: its own CA alone is trusted, and our certificate is shown."""
# ruff: noqa: ASYNC240 - nothing else waits while a test writes a small file

import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane.discovery.consul import ConsulSource
from control_plane.discovery.consul_http import ConsulOptions
from control_plane.ports.source import Lost
from control_plane.trust.minting import Wish, authority, chain_pem, key_pem, mint
from tests.contract.source_world import Reader, Record, lists
from tests.integration.discovery.consul_double import ConsulDouble
from tests.integration.discovery.consul_world import registration

ONE = Record(node_id="gw-1")
LOOPBACK = ((0x87, bytes([127, 0, 0, 1])),)  # RFC 5280, 4.2.1.6: an iPAddress


@dataclass(frozen=True, slots=True)
class Files:
    """What the two sides hold; ``other`` is a CA that the server does not know."""

    ca: Path
    other: Path
    certificate: Path
    key: Path
    server: ssl.SSLContext


@pytest.fixture
def files(tmp_path: Path) -> Files:
    ca, other = mint(authority("consul-ca")), mint(authority("other-ca"))
    server = ca.sign(Wish(subject="server", names=LOOPBACK, owner="server"))
    client = ca.sign(Wish(subject="client", owner="client"))
    for name, text in {
        "ca.pem": chain_pem(ca),
        "other.pem": chain_pem(other),
        "server.pem": chain_pem(server) + key_pem(server.key),
        "client.pem": chain_pem(client),
        "client.key": key_pem(client.key),
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return Files(
        tmp_path / "ca.pem", tmp_path / "other.pem", tmp_path / "client.pem", tmp_path / "client.key", context
    )


async def first_report(double: ConsulDouble, **given: Path) -> object:
    source = ConsulSource(ConsulOptions(address=double.address, **given))  # type: ignore[arg-type]  # by name
    async with Reader(source) as reader:
        return await reader.next()


async def test_a_private_ca_and_a_client_certificate(files: Files) -> None:
    async with ConsulDouble(tls=files.server) as double:
        await double.own.register({name.lower(): value for name, value in registration(ONE).items()})

        report = await first_report(
            double, ca_file=files.ca, certificate_file=files.certificate, key_file=files.key
        )

    assert lists(ONE)(report)  # type: ignore[arg-type]  # a report


async def test_without_our_certificate_there_is_nothing_to_see(files: Files) -> None:
    async with ConsulDouble(tls=files.server) as double:
        report = await first_report(double, ca_file=files.ca)

    assert isinstance(report, Lost)
    assert "consul_certificate_file" in report.reason


@pytest.mark.parametrize("known", ["other", None])
async def test_a_server_of_another_ca_is_not_believed(files: Files, known: str | None) -> None:
    given = {"ca_file": files.other} if known else {}
    async with ConsulDouble(tls=files.server) as double:
        report = await first_report(double, certificate_file=files.certificate, key_file=files.key, **given)

    assert isinstance(report, Lost)
    assert "is not trusted: set consul_ca_file" in report.reason


async def test_a_key_that_others_can_read_is_not_used(files: Files) -> None:
    files.key.chmod(0o640)
    async with ConsulDouble(tls=files.server) as double:
        report = await first_report(
            double, ca_file=files.ca, certificate_file=files.certificate, key_file=files.key
        )

    assert "chmod 600" in str(report)


@pytest.mark.parametrize("broken", ["ca", "certificate", "key"])
async def test_a_file_that_is_none_is_told_and_used_once_it_is_one(files: Files, broken: str) -> None:
    path: Path = getattr(files, broken)
    good = path.read_text()
    path.write_text("nothing")
    async with ConsulDouble(tls=files.server) as double:
        source = ConsulSource(
            ConsulOptions(
                address=double.address,
                ca_file=files.ca,
                certificate_file=files.certificate,
                key_file=files.key,
            )
        )

        async with Reader(source) as reader:
            assert isinstance(await reader.next(), Lost)
            path.write_text(good)
            source.look()
            await reader.until(lists())
