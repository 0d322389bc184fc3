"""The command line over HTTPS, and requests that it sends through our own egress."""

import json
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from control_plane.cli.main import main

ANSWER = {
    "gateway": "gw-1",
    "status": 200,
    "headers": {},
    "body": "hello\x1b[2J\n",
    "truncated": False,
    "duration_ms": 3.2,
    "correlation_id": "c-1",
}


class Handler(BaseHTTPRequestHandler):
    """Answers everything with what the server holds, and remembers what was asked."""

    server: "Stub"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers.get("Authorization"), json.loads(body)))
        answer = json.dumps(self.server.answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Stub(HTTPServer):
    """An API that answers the same to everybody."""

    answer: dict[str, Any]
    asked: list[tuple[str, str | None, dict[str, Any]]]


@contextmanager
def stub(status: int, context: ssl.SSLContext | None = None) -> Iterator[Stub]:
    server = Stub(("127.0.0.1", 0), Handler)
    server.answer, server.asked = {**ANSWER, "status": status}, []
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def invoked(server: Stub, *words: str, scheme: str = "http", **environment: str) -> Result:
    address = f"{scheme}://127.0.0.1:{server.server_port}"
    argv = ["--admin", address, "invoke", "orders@luebeck.example", *words]
    return CliRunner().invoke(main, argv, env={"PROXENIA_TOKEN": "t", **environment})


@pytest.mark.parametrize(("status", "code"), [(200, 0), (302, 0), (403, 1), (503, 1)])
def test_a_request_is_sent_and_its_status_is_the_exit_code(status: int, code: int) -> None:
    with stub(status) as server:
        table = invoked(server, "--method", "POST", "--header", "X-A: b", "--data", "{}", "--path", "/x")
        as_json, name = invoked(server, "-o", "json"), invoked(server, "-o", "name")

    assert [result.exit_code for result in (table, as_json, name)] == [code] * 3
    assert table.stdout.splitlines()[0].startswith(f"{status} by gw-1 in 3 ms; request c-1")
    assert "hello\\x1b[2J" in table.stdout
    assert json.loads(as_json.stdout)["correlation_id"] == "c-1"
    assert name.stdout == f"{status}\n"
    path, authorization, body = server.asked[0]
    assert (path, authorization) == ("/api/v1/federation/invoke", "Bearer t")
    assert (body["method"], body["headers"], body["body"]) == ("POST", {"X-A": "b"}, "{}")


def test_a_header_without_a_value_is_bad_usage() -> None:
    assert CliRunner().invoke(main, ["invoke", "a@b", "--header", "X"]).exit_code == 2


def own_certificate(directory: Path, host: str) -> Path:
    """Key and certificate for an address, in one file, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "admin")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{host}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return path


@pytest.fixture(scope="module")
def files() -> Iterator[dict[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="pxs") as name:
        yield {host: own_certificate(Path(name), host) for host in ("127.0.0.1", "127.0.0.9")}


def test_over_https_only_the_named_authority_or_one_of_the_system_counts(files: dict[str, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["127.0.0.1"])

    with stub(200, context) as server:
        good = invoked(server, scheme="https", PROXENIA_CA_FILE=str(files["127.0.0.1"]))
        other = invoked(server, scheme="https", PROXENIA_CA_FILE=str(files["127.0.0.9"]))
        none = invoked(server, scheme="https", PROXENIA_CA_FILE="")
        torn = invoked(server, scheme="https", PROXENIA_CA_FILE=__file__)

    assert good.exit_code == 0, good.output
    assert (other.exit_code, none.exit_code, torn.exit_code) == (3, 3, 2)
    assert "PROXENIA_CA_FILE" in torn.stderr
    assert len(server.asked) == 1


def test_a_certificate_of_another_name_is_refused(files: dict[str, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["127.0.0.9"])

    with stub(200, context) as server:
        result = invoked(server, scheme="https", PROXENIA_CA_FILE=str(files["127.0.0.9"]))

    assert result.exit_code == 3
    assert server.asked == []
