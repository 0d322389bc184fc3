"""A real Envoy in its own directory, ended by whoever started it."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from control_plane.gateway.envoy_binary import find_envoy

_START = 15.0  # seconds


class Envoy:
    """A running Envoy: where it listens, what it wrote."""

    def __init__(self, directory: Path, process: subprocess.Popen[bytes]) -> None:
        self.directory = directory
        self.process = process
        self.ports: dict[str, int] = {}

    def lines(self, log: str) -> list[dict[str, object]]:
        """The JSON lines of one of its logs, as far as they are whole."""
        path = self.directory / "log" / f"{log}.jsonl"
        whole = path.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    async def written(self, log: str, count: int) -> list[dict[str, object]]:
        """Its lines, once there are so many."""
        for _ in range(100):
            lines = self.lines(log)
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.05)
        raise AssertionError(f"expected {count} lines in {log}, got {lines}")

    async def line(self, log: str, **wanted: object) -> dict[str, object]:
        """The first line with these values, once it is there."""
        for _ in range(100):
            for line in self.lines(log):
                if wanted.items() <= line.items():
                    return line
            await asyncio.sleep(0.05)
        raise AssertionError(f"expected {wanted} in {log}, got {self.lines(log)}")

    async def admin(self, path: str) -> str:
        """What its admin interface answers."""
        connector = aiohttp.UnixConnector(str(self.directory / "admin.sock"))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"http://envoy{path}") as got,
        ):
            return await got.text()

    async def stat(self, name: str) -> int:
        """One counter or gauge."""
        lines = (await self.admin(f"/stats?filter={name}")).splitlines()
        return sum(int(line.rpartition(": ")[2]) for line in lines)

    async def ready(self) -> None:
        """Until it serves; then ``ports`` is known."""
        async with asyncio.timeout(_START):
            while self.process.poll() is None:
                try:
                    if (await self.admin("/ready")).strip() == "LIVE":
                        break
                except aiohttp.ClientError:
                    pass  # its socket is not there yet
                await asyncio.sleep(0.05)
        assert self.process.poll() is None, (self.directory / "envoy.log").read_text()
        listeners = json.loads(await self.admin("/listeners?format=json"))["listener_statuses"]
        self.ports = {
            each["name"]: each["local_address"]["socket_address"]["port_value"] for each in listeners
        }

    def kill(self) -> None:
        """At once and for good."""
        self.process.kill()
        self.process.wait()


@asynccontextmanager
async def running(directory: Path, bootstrap: str) -> AsyncIterator[Envoy]:
    """Start Envoy with ``directory`` as its working directory."""
    (directory / "log").mkdir()
    (directory / "bootstrap.json").write_text(bootstrap)
    with (directory / "envoy.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - returns at once; the process is ended synchronously
            [
                *(str(find_envoy(None)), "--config-path", "bootstrap.json", "--disable-hot-restart"),
                *("--concurrency", "1", "--file-flush-min-size-kb", "0", "--file-flush-interval-msec", "50"),
                *("--log-level", "warning"),
            ],
            cwd=directory,
            stdout=log,
            stderr=log,
        )
    envoy = Envoy(directory, process)
    try:
        await envoy.ready()
        yield envoy
    finally:
        envoy.kill()


def validate(directory: Path, bootstrap: str) -> subprocess.CompletedProcess[str]:
    """Let Envoy judge ``bootstrap`` without serving."""
    (directory / "log").mkdir()
    (directory / "bootstrap.json").write_text(bootstrap)
    return subprocess.run(
        [
            str(find_envoy(None)),
            "--mode",
            "validate",
            "--disable-hot-restart",
            "-c",
            "bootstrap.json",
            "-l",
            "warning",
        ],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
