"""What docker-compose.yml would start, started by hand: the same commands, settings and health checks.

There need not be a container engine where the tests run. Addresses become free ports of the loopback. Where
mounts can be made, each process has its service's volumes, and the state directory is otherwise read-only.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
import yaml

from control_plane.app.demo.organisation import eventually, free_port
from tests.docs.database import database

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}:(\d+)")
STATE = "/var/lib/proxenia"
# Arguments: the state directory, then a volume and its place for each mount, then -- and the command.
CONTAINED = """
mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1" || exit 99
shift
while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 99; shift 2; done
shift
exec "$@"
"""


class Machine:
    """One organisation's containers without containers: they share a state directory and the loopback."""

    def __init__(self, directory: Path, database: int) -> None:
        self._directory = directory
        self._state = directory / "state"
        self._database = database
        for folder in ("", "run", "ca", "gateway", "token"):  # as the image has them
            (self._state / folder).mkdir(mode=0o700)
        self._ports: dict[str, int] = {}

    def _here(self, text: str) -> str:
        """An address of a container, as a free port of this machine; the same one each time."""
        return ADDRESS.sub(lambda match: f"127.0.0.1:{self._port(match[1])}", text)

    def _port(self, port: str) -> int:
        return self._ports.setdefault(port, free_port())

    def environment(self, name: str) -> dict[str, str]:
        given = {key: self._here(value) for key, value in said(name).items()}
        if "serve" in SERVICES[name]["command"]:
            given |= {"PROXENIA_PARTNER_NETWORKS": "127.0.0.0/8", "PROXENIA_GATEWAY_ADDRESS": ""}
        # No Consul here: the source would only say that it is lost.
        given = {key: value for key, value in given.items() if not key.startswith("PROXENIA_CONSUL_")}
        given = {
            key: value.replace("@postgres/", f"@127.0.0.1:{self._database}/") for key, value in given.items()
        }
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PROXENIA_")}
        path = f"{Path(sys.executable).parent}:{inherited['PATH']}"
        return {**inherited, **given, "PATH": path, "PROXENIA_STATE_DIR": str(self._state)}

    def _contained(self, name: str, argv: list[str]) -> list[str]:
        """The command with the service's volumes and a state directory that is read-only but for them."""
        if not can_mount():
            return argv
        mounts: list[str] = []
        for volume in sorted(SERVICES[name]["volumes"], key=len):
            source, target = volume.split(":")[:2]
            kept = self._directory / "volumes" / source
            if not kept.exists():  # a new volume begins as what the image has there
                shutil.copytree(str(self._state) + target.removeprefix(STATE), kept)
            mounts += [str(kept), str(self._state) + target.removeprefix(STATE)]
        return ["unshare", "--mount", "sh", "-c", CONTAINED, "sh", str(self._state), *mounts, "--", *argv]

    @asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[None]:
        """The service's own command, until the block ends."""
        with (self._directory / f"{name}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *self._contained(name, ["proxenia", *SERVICES[name]["command"]]),
                env=self.environment(name),
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
            )
            try:
                yield
            finally:
                await _ended(process)

    async def healthy(self, name: str) -> bool:
        """The service's own health check."""
        how, *command = SERVICES[name]["healthcheck"]["test"]
        words = [self._here(word) for word in command]
        return await self.done(name, ["sh", "-c", *words] if how == "CMD-SHELL" else words)

    async def done(self, name: str, argv: list[str]) -> bool:
        """Whether a command in the service's container ends well."""
        process = await asyncio.create_subprocess_exec(
            *self._contained(name, argv),
            env=self.environment(name),
            cwd=self._state,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        return await process.wait() == 0

    async def scraped(self) -> int:
        """The status that Prometheus gets with the token of its volume."""
        (token,) = (
            self._directory.glob("**/luebeck-token/token") if can_mount() else [self._state / "token/token"]
        )
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"http://127.0.0.1:{self._port('9900')}/metrics") as answer,
        ):
            return answer.status


@cache
def can_mount() -> bool:
    """Whether a process may have mounts of its own here."""
    command = ["unshare", "--mount", "mount", "--bind", "/tmp", "/tmp"]  # noqa: S108 - it is there
    return shutil.which("unshare") is not None and subprocess.run(command, check=False).returncode == 0


async def _ended(process: Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), 20)
    except TimeoutError:
        process.kill()
        await process.wait()


def said(name: str) -> dict[str, str]:
    """The environment of a service where nobody sets a variable."""
    given: dict[str, str] = SERVICES[name]["environment"]
    return {key: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value) for key, value in given.items()}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pxc-") as name:
        Path(name).chmod(0o711)  # the database is another user's
        yield Path(name)


@pytest.fixture(scope="module")
def postgres(place: Path) -> Iterator[int]:
    """The service ``postgres``: a new server that ran the script of its volume; the port."""
    port = free_port()
    (script,) = (each for each in SERVICES["postgres"]["volumes"] if "/docker-entrypoint-initdb.d/" in each)
    with database(place / "postgres", port, place / "authority.pem") as psql:
        subprocess.run(
            [psql, "--username", "postgres", "--no-psqlrc", "--file", ROOT / script.partition(":")[0]],
            env={**os.environ, **said("postgres")},
            check=True,
            capture_output=True,
        )
        yield port


async def test_an_organisation_of_the_compose_file_becomes_healthy(place: Path, postgres: int) -> None:
    machine = Machine(place, postgres)

    before = await machine.healthy("luebeck"), await machine.healthy("luebeck-gateway")
    async with machine.running("luebeck"):
        await eventually("the control plane to be healthy", lambda: machine.healthy("luebeck"), within=60)
        assert await machine.done("luebeck-token", SERVICES["luebeck-token"]["entrypoint"])
        scraped = await machine.scraped()
        async with machine.running("luebeck-gateway"):
            await eventually(
                "the gateway to be healthy", lambda: machine.healthy("luebeck-gateway"), within=60
            )

    assert before == (False, False)
    assert scraped == 200


async def test_the_logins_of_an_organisation_may_do_no_more_than_they_need(postgres: int) -> None:
    def url(login: str, *, at: str) -> str:
        password = said("postgres")[f"{login.partition('_')[0].upper()}_PASSWORD"]
        return f"postgresql://{login}:{password}@127.0.0.1:{postgres}/{at}"

    for ours, theirs in (("luebeck", "novgorod"), ("novgorod", "luebeck")):
        for login in (ours, f"{ours}_owner"):
            connection = await asyncpg.connect(url(login, at=ours))
            (rights,) = await connection.fetch("SELECT * FROM pg_roles WHERE rolname = current_user")
            await connection.close()
            assert not any(
                rights[f"rol{right}"]
                for right in ("super", "createdb", "createrole", "replication", "bypassrls")
            )
            for other in (theirs, "postgres", "template1"):
                with pytest.raises(
                    asyncpg.InsufficientPrivilegeError, match="permission denied for database"
                ):
                    await asyncpg.connect(url(login, at=other))
