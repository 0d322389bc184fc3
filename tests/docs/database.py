"""A PostgreSQL with passwords that is reached with TLS, as a page's database on a machine of its own.

The server of the packages has no TLS: a small program in front of it answers what PostgreSQL's protocol asks
first (SSLRequest), and carries the bytes to the server's unix socket.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control_plane.store.account import server_account
from control_plane.store.binaries import find, reachable

FRONT = Path(__file__).parent / "standins" / "tls_front.py"
HBA = "local all postgres trust\nlocal all all scram-sha-256\n"
WITHIN = 30.0


@contextmanager
def database(directory: Path, port: int, authority: Path) -> Iterator[Path]:
    """Serve on ``port``, with a certificate of ``authority``, a new file; its administrator's ``psql``."""
    account = server_account()
    data, sockets = directory / "data", directory / "run"
    for path in (directory, sockets):
        path.mkdir(mode=0o711)
        if account:
            shutil.chown(path, account.uid, account.gid)
    binaries = (reachable(find(), account=account, shelf=directory) if account else find()).bin
    user = account.uid if account else None
    initdb: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
    ]
    subprocess.run(initdb, check=True, capture_output=True, cwd="/", user=user)
    hba = directory / "hba"
    hba.write_text(HBA)
    options = {"unix_socket_directories": sockets, "listen_addresses": "", "fsync": "off", "hba_file": hba}
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    _certificate(authority, directory)
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, *words], stderr=subprocess.DEVNULL, cwd="/", user=user
    )
    socket = sockets / ".s.PGSQL.5432"
    front = subprocess.Popen([sys.executable, FRONT, str(port), str(directory / "pair.pem"), str(socket)])
    try:
        _until_ready(binaries, sockets)
        _program(directory / "psql", binaries, sockets)
        yield directory / "psql"
    finally:
        for process in (front, server):
            process.terminate()
            process.wait(WITHIN)


def _until_ready(binaries: Path, sockets: Path) -> None:
    deadline = time.monotonic() + WITHIN
    while subprocess.run(
        [binaries / "pg_isready", "-h", sockets], capture_output=True, check=False
    ).returncode:
        assert time.monotonic() < deadline, "the database does not answer"
        time.sleep(0.1)


def _program(path: Path, binaries: Path, sockets: Path) -> None:
    path.write_text(f'#!/bin/sh\nexec "{binaries}/psql" --host "{sockets}" "$@"\n')
    path.chmod(0o755)


def _certificate(authority: Path, directory: Path) -> None:
    """A certificate for the loopback that is its own authority."""
    key, name = directory / "key.pem", "/CN=db.visby.example"
    ask = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names: list[str | Path] = [
        "-subj",
        name,
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        key,
        "-out",
        authority,
    ]
    authority.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([*ask, *names], check=True, capture_output=True)
    (directory / "pair.pem").write_text(key.read_text() + authority.read_text())
