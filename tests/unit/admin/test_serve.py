"""The sockets of the API."""
# ruff: noqa: ASYNC240 - looking at a path of the test's own for a moment blocks nobody

import socket
import stat
import tempfile
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from aiohttp import web

from control_plane.admin.serve import AdminSocketError, serve_admin


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
        async with serve_admin(web.Application(), path, host=host, port=0):
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
            async with serve_admin(web.Application(), path, port=port):
                pass

    assert not path.exists()
