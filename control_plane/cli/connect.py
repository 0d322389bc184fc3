"""Connections to the admin API: a unix socket, HTTP on the loopback, or HTTPS anywhere.

Over HTTPS the server has to prove its name, by the system's authorities or those of ``PROXENIA_CA_FILE``;
with ``PROXENIA_CERTIFICATE_FILE`` (and ``PROXENIA_KEY_FILE``, unless the key is in the same file) so do we.
"""

import os
import socket
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import ip_address
from urllib.parse import urlsplit

from control_plane.cli.faults import Exit, Fault


class UnixConnection(HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, *, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open it."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def connection_to(address: str, timeout: float) -> HTTPConnection:
    """A connection that is not open yet. Raises Fault when the address or a file cannot be used."""
    if not address.startswith(("http://", "https://")):
        return UnixConnection(address, timeout=timeout)
    url = urlsplit(address)
    host, secured = url.hostname or "", url.scheme == "https"
    try:
        port = url.port or (443 if secured else 80)
    except ValueError:
        port = 0
    if not host or not port or not (secured or _is_loopback(host)):
        raise Fault(
            f"expected https://, or http:// with a loopback address, and a port, got {address}",
            "set admin_certificate_file there, or use an SSH tunnel",
            exit_code=Exit.USAGE,
        )
    return _secured(host, port, timeout) if secured else HTTPConnection(host, port, timeout=timeout)


def _secured(host: str, port: int, timeout: float) -> HTTPSConnection:
    import ssl  # noqa: PLC0415 - only whoever speaks TLS waits for it

    authorities, certificate = (
        os.environ.get(name) or None for name in ("PROXENIA_CA_FILE", "PROXENIA_CERTIFICATE_FILE")
    )
    try:
        context = ssl.create_default_context(cafile=authorities)
        if certificate:
            context.load_cert_chain(certificate, os.environ.get("PROXENIA_KEY_FILE") or None)
    except OSError as error:  # ssl.SSLError is one
        raise Fault(
            f"cannot use {authorities or ''} {certificate or ''} ({error.strerror or error})",
            "give PEM files in PROXENIA_CA_FILE, PROXENIA_CERTIFICATE_FILE and PROXENIA_KEY_FILE",
            exit_code=Exit.USAGE,
        ) from error
    return HTTPSConnection(host, port, timeout=timeout, context=context)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
