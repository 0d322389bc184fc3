"""The API over TLS: who has a certificate that the settings know needs no token; all others do."""

import asyncio
import os
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from control_plane.admin.app import create_app
from control_plane.admin.serve import AdminSocketError, Tcp, serve_admin
from control_plane.admin.tls import TlsFiles
from control_plane.admin.tokens import Role, new_token
from control_plane.model.identity import SpiffeId
from control_plane.pki.certificate import certificate_info
from control_plane.trust.authority import Authority
from tests.unit.admin.world import OWN, PARTNER, World, certificate

NODES = "/api/v1/federation/nodes"


@dataclass
class Secured:
    """The API over TLS in a directory of its own."""

    world: World
    directory: Path
    port: int

    def client(self, organisation: str | None) -> ssl.SSLContext:
        """A client with the certificate that an organisation's authority gave it, or with none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if organisation:
            context.load_cert_chain(self.directory / f"{organisation}.pem")
        return context

    async def get(
        self, organisation: str | None, *, bearer: str = "", path: str = NODES, method: str = "GET"
    ) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        async with (
            aiohttp.ClientSession(f"https://127.0.0.1:{self.port}", headers=headers) as session,
            session.request(method, path, ssl=self.client(organisation)) as answer,
        ):
            document = await answer.json()
            return answer.status, str(document.get("code", ""))


@asynccontextmanager
async def secured(roles: dict[SpiffeId, Role]) -> AsyncIterator[Secured]:
    with tempfile.TemporaryDirectory(prefix="pxt") as name:
        directory = Path(name)
        clients = ""
        for organisation in (OWN, PARTNER):
            authority = Authority.open(directory / organisation, organisation, now=datetime.now(UTC))
            made = authority.server_credentials(now=datetime.now(UTC))
            (directory / f"{organisation}.pem").write_bytes(made.key + b"\n" + made.chain)
            clients = clients or "".join(authority.anchors())
        write_certificate(directory)
        files = TlsFiles(
            certificate=directory / "server.pem", key=directory / "server.key", clients=lambda: clients
        )
        world = World(directory)
        deps = replace(world.dependencies(), clients=roles)
        async with serve_admin(
            create_app(deps), directory / "run" / "admin.sock", tcp=Tcp(tls=files)
        ) as serving:
            assert serving.port is not None
            yield Secured(world, directory, serving.port)


def write_certificate(directory: Path) -> None:
    chain, key = certificate(OWN)
    (directory / "server.key").write_text(key)
    (directory / "server.pem").write_text(chain)


def identity(directory: Path, organisation: str) -> SpiffeId:
    pem = (directory / f"{organisation}.pem").read_text()
    found = certificate_info(pem[pem.index("-----BEGIN CERTIFICATE") :].partition("\n\n")[0]).spiffe_id
    assert found is not None
    return found


async def test_a_certificate_stands_for_a_role_and_a_token_goes_before_it() -> None:
    roles: dict[SpiffeId, Role] = {}
    async with secured(roles) as api:
        unknown = await api.get(OWN)
        roles[identity(api.directory, OWN)] = Role.VIEWER
        admin = new_token(api.world.token_file, name="ada", role=Role.ADMIN)

        read = await api.get(OWN)
        written = await api.get(OWN, method="POST")
        with_token = await api.get(None, bearer=admin)
        wrong_token = await api.get(OWN, bearer="guess")
        nobody = await api.get(None)

    assert unknown == nobody == (401, "not_authenticated")
    assert read == with_token == (200, "")
    assert written == (403, "not_permitted")
    assert wrong_token == (401, "not_authenticated")


async def test_a_certificate_of_another_authority_is_refused_in_the_handshake() -> None:
    async with secured({}) as api:
        with pytest.raises(aiohttp.ClientError):
            await api.get(PARTNER)


async def test_a_new_certificate_is_presented_without_a_restart_and_a_broken_one_never() -> None:
    async with secured({}) as api:
        place = api.directory / "server.pem"
        first = await presented(api)
        write_certificate(api.directory)
        os.utime(place, (1, 1))
        second = await presented(api)
        place.write_text("broken")
        third = await presented(api)

    assert first != second
    assert second == third


async def presented(api: Secured) -> bytes:
    _, writer = await asyncio.open_connection("127.0.0.1", api.port, ssl=api.client(None))
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


async def test_files_that_are_no_certificate_are_said_so_at_the_start(tmp_path: Path) -> None:
    files = TlsFiles(certificate=tmp_path / "a", key=tmp_path / "b", clients=lambda: "")

    with pytest.raises(AdminSocketError, match="PEM"):
        async with serve_admin(
            create_app(World(tmp_path).dependencies()), tmp_path / "s", tcp=Tcp(tls=files)
        ):
            pass
