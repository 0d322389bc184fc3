"""Commands over TLS: the server proves its name, and we ours, by a certificate instead of a token."""

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from control_plane.admin.tokens import Role
from control_plane.cli.main import main
from control_plane.model.identity import SpiffeId
from tests.unit.admin.test_tls import identity, secured
from tests.unit.admin.world import OWN


def named_certificate(directory: Path) -> Path:
    """A certificate of 127.0.0.1 that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the admin API")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "server.key").write_bytes(private)
    (directory / "server.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return directory / "server.pem"


async def test_a_certificate_opens_the_api_and_a_server_without_a_name_is_not_spoken_to() -> None:
    roles: dict[SpiffeId, Role] = {}
    async with secured(roles) as api:
        roles[identity(api.directory, OWN)] = Role.VIEWER
        authorities = named_certificate(api.directory)
        us = {"PROXENIA_CERTIFICATE_FILE": str(api.directory / f"{OWN}.pem")}
        known = {"PROXENIA_CA_FILE": str(authorities)}

        def run(environment: dict[str, str]) -> Result:
            address = f"https://127.0.0.1:{api.port}"
            return CliRunner().invoke(main, ["--admin", address, "node", "list"], env=environment)

        told = [await asyncio.to_thread(run, each) for each in (us | known, known, us)]

    assert [each.exit_code for each in told] == [0, 4, 3]


@pytest.mark.parametrize(
    ("address", "environment"),
    [
        ("http://192.0.2.1:80", {}),
        ("https://", {}),
        ("https://127.0.0.1:99999", {}),
        ("https://127.0.0.1:1", {"PROXENIA_CA_FILE": "/nowhere"}),
    ],
)
def test_what_cannot_be_an_address_or_a_file_is_bad_usage(address: str, environment: dict[str, str]) -> None:
    told = CliRunner().invoke(main, ["--admin", address, "node", "list"], env=environment)

    assert told.exit_code == 2
    assert "proxenia:" in told.stderr
