"""Where gateways connect: a unix socket that is its owner's alone, and TCP with mutual TLS."""

import os
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

PRIVATE = 0o077  # permission bits of group and others, which the socket and its directory must not have


class ListenError(Exception):
    """The server cannot listen as told; the text says what to change."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The server's certificate, and the authorities of those who may connect; all PEM."""

    key: bytes
    chain: bytes
    anchors: bytes

    def __repr__(self) -> str:
        return "Credentials(…)"  # the key never appears in a log


CredentialsSource = Callable[[], Credentials]
"""Asked at every handshake, from a thread of grpc: answers from memory."""


@dataclass(frozen=True, slots=True)
class Listen:
    """At least one of the two; ``tcp`` is ``host:port`` and needs ``credentials``."""

    unix: Path | None = None
    tcp: str = ""
    credentials: CredentialsSource | None = None

    def __post_init__(self) -> None:
        if self.unix is None and not self.tcp:
            raise ListenError("expected a unix path or a TCP address to listen on, got neither")
        if self.tcp and self.credentials is None:
            raise ListenError(
                "expected credentials for TCP: without mutual TLS only the unix socket is served"
            )


def open_unix(server: grpc.aio.Server, path: Path) -> None:
    """Listen on a 0600 socket in a 0700 directory; raises ListenError when either is not possible."""
    _check_directory(path.parent)
    _remove_stale(path)
    before = os.umask(0o177)  # of a socket that anybody may use this leaves 0600
    try:
        server.add_insecure_port(f"unix:{path}")
    except RuntimeError as error:
        raise ListenError(f"cannot listen on {path}: {error}") from error
    finally:
        os.umask(before)


def open_tcp(server: grpc.aio.Server, address: str, source: CredentialsSource) -> int:
    """Listen with mutual TLS; the port. Certificates are those of ``source`` at each handshake."""
    credentials = grpc.dynamic_ssl_server_credentials(
        _configuration(source()), lambda: _configuration(source()), require_client_authentication=True
    )
    try:
        port: int = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ListenError(f"cannot listen on {address}: {error}; is the port taken?") from error
    return port


def _configuration(credentials: Credentials) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(credentials.key, credentials.chain)], root_certificates=credentials.anchors
    )


def _check_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.stat()
    if found.st_uid != os.geteuid() or found.st_mode & PRIVATE:
        raise ListenError(
            f"expected {directory} to be this user's with mode 0700, got user {found.st_uid} and mode"
            f" {stat.S_IMODE(found.st_mode):04o}; run: chmod 700 {directory}"
        )


def _remove_stale(path: Path) -> None:
    """Remove what a killed server left behind, and nothing else."""
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise ListenError(f"expected {path} to be free or an old socket, got another kind of file")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise ListenError(f"cannot tell whether {path} is in use: {error}") from error
    raise ListenError(f"{path} is in use by another process; stop it, or use another state directory")
