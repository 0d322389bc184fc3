"""The unix socket is its owner's alone, and never another process's."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane.model.xds import CLUSTER
from control_plane.xds.listen import Listen, ListenError
from tests.integration.xds.control import Control, Setup
from tests.integration.xds.gateway_client import gateway, names
from tests.integration.xds.small_world import cluster

pytestmark = pytest.mark.integration


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="px-") as path:
        yield Path(path)


async def test_a_directory_that_others_may_enter_is_refused(directory: Path) -> None:
    os.chmod(directory, 0o750)  # noqa: PTH101, S103 - what is to be refused; methods of paths are not for coroutines

    with pytest.raises(ListenError, match="mode 0750; run: chmod 700"):
        await Control(directory, Setup()).start()


async def test_the_socket_of_a_running_server_is_not_taken(directory: Path) -> None:
    first = Control(directory, Setup())
    await first.start(cluster("a"))
    try:
        second = Control(directory, Setup())
        with pytest.raises(ListenError, match="in use by another process"):
            await second.start()
        await second.stop()

        async with gateway(first.socket) as client:
            await client.ask(CLUSTER)
            assert names([await client.hear()]) == ["a"]
    finally:
        await first.stop()


async def test_what_a_killed_server_left_behind_is_replaced(directory: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(directory / "xds.sock"))
    left.close()
    server = Control(directory, Setup())

    await server.start(cluster("a"))

    try:
        async with gateway(server.socket) as client:
            await client.ask(CLUSTER)
            assert names([await client.hear()]) == ["a"]
    finally:
        await server.stop()


async def test_a_file_of_another_kind_is_not_removed(directory: Path) -> None:
    (directory / "xds.sock").write_text("precious")

    with pytest.raises(ListenError, match="another kind of file"):
        await Control(directory, Setup()).start()

    assert (directory / "xds.sock").read_text() == "precious"


def test_tcp_without_certificates_is_refused() -> None:
    with pytest.raises(ListenError, match="without mutual TLS"):
        Listen(tcp="127.0.0.1:0")


def test_nothing_to_listen_on_is_refused() -> None:
    with pytest.raises(ListenError, match="neither"):
        Listen()
