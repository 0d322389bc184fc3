"""The sockets of the API."""
# ruff: noqa: ASYNC240 - looking at a path of the test's own for a moment blocks nobody

import asyncio
import contextlib
import socket
import stat
import tempfile
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from control_plane.admin.serve import AdminSocketError, Patience, Tcp, serve_admin
from control_plane.admin.tls import TlsFiles
from tests.unit.admin.world import certificate


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pxs") as name:
        yield Path(name) / "run" / "admin.sock"


async def test_the_socket_and_its_directory_are_closed_to_others_and_go_at_the_end(path: Path) -> None:
    async with serve_admin(web.Application(), path) as serving:
        modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)]

    assert modes == [0o600, 0o700]
    assert serving.port is None
    assert not path.exists()


@pytest.mark.parametrize("host", [str(IPv4Address(0)), "::", "192.0.2.1", "example.org", ""])
async def test_wider_addresses_than_the_loopback_are_refused(path: Path, host: str) -> None:
    with pytest.raises(AdminSocketError, match="loopback"):
        async with serve_admin(web.Application(), path, tcp=Tcp(host=host)):
            pass

    assert not path.exists()


async def test_a_directory_that_others_can_enter_is_refused(path: Path) -> None:
    path.parent.mkdir(mode=0o755)

    with pytest.raises(AdminSocketError, match="chmod 700"):
        async with serve_admin(web.Application(), path):
            pass


async def test_what_a_killed_process_left_is_replaced(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    async with serve_admin(web.Application(), path):
        assert path.is_socket()


async def test_the_socket_of_a_living_process_is_left_alone(path: Path) -> None:
    async with serve_admin(web.Application(), path):
        with pytest.raises(AdminSocketError, match="stop it first"):
            async with serve_admin(web.Application(), path):
                pass

        assert path.is_socket()


async def test_a_port_that_is_taken_is_told(path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(AdminSocketError, match="choose another port"):
            async with serve_admin(web.Application(), path, tcp=Tcp(port=port)):
                pass

    assert not path.exists()


async def _dribble(writer: asyncio.StreamWriter) -> None:
    """A request whose head never ends, a letter at a time."""
    with contextlib.suppress(ConnectionError):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)


async def _ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side ends the connection by itself, soon, and without an answer."""
    async with asyncio.timeout(10):
        try:
            return await reader.read() == b""
        except ConnectionError:
            return True


@pytest.mark.parametrize("how", ["silent", "slow"])
@pytest.mark.parametrize("where", ["unix", "tcp"])
async def test_whoever_does_not_finish_a_request_is_let_go(path: Path, how: str, where: str) -> None:
    async with serve_admin(web.Application(), path, tcp=Tcp(), patience=Patience(head=0.2)) as serving:
        reader, writer = await (
            asyncio.open_unix_connection(str(path))
            if where == "unix"
            else asyncio.open_connection("127.0.0.1", serving.port)
        )
        slow = asyncio.create_task(_dribble(writer)) if how == "slow" else None

        ended = await _ended(reader)

        if slow:
            slow.cancel()
        writer.close()
    assert ended


async def test_a_request_in_time_is_answered_however_long_that_takes(path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(0.4)
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/", answer)
    async with (
        serve_admin(app, path, patience=Patience(head=0.1)),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
    ):
        texts = [await (await session.get("http://localhost/")).text() for _ in range(2)]

    assert texts == ["done", "done"]


async def test_whoever_does_not_agree_on_tls_is_let_go(path: Path, tmp_path: Path) -> None:
    chain, key = certificate(ca=False)
    files = TlsFiles(certificate=tmp_path / "chain.pem", key=tmp_path / "key.pem", clients=lambda: "")
    files.certificate.write_text(chain)
    files.key.write_text(key)
    patience = Patience(handshake=0.2)
    async with serve_admin(web.Application(), path, tcp=Tcp(tls=files), patience=patience) as serving:
        reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)

        ended = await _ended(reader)

        writer.close()
    assert ended
