"""A system that a real Prometheus watches: two partners, one with a database that can be taken away."""

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from control_plane.app.demo.organisation import free_port
from control_plane.store.embedded import EmbeddedPostgres
from tests.e2e.pair import Pair, pair

ROOT = Path(__file__).parents[3]
RULES = ROOT / "envoy" / "prometheus"


@dataclass(frozen=True, slots=True)
class Watched:
    """Luebeck and Novgorod, of which Novgorod is watched: where its metrics are, and its database."""

    partners: Pair
    admin: int
    gateway: int
    directory: Path
    database: EmbeddedPostgres

    @property
    def token(self) -> str:
        return (self.directory / "secret" / "token").read_text()


def rules() -> list[dict[str, Any]]:
    """The rules that we ship."""
    document = yaml.safe_load((RULES / "rules.yml").read_text())
    found: list[dict[str, Any]] = document["groups"][0]["rules"]
    return found


def new_token(state_dir: Path) -> str:
    """A token of the least role, made as an operator makes it."""
    made = subprocess.run(
        [sys.executable, "-m", "control_plane", "token", "new", "prometheus", "--role", "viewer"],
        env={"PROXENIA_STATE_DIR": str(state_dir)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return made.stdout.split()[-1]


@asynccontextmanager
async def watching() -> AsyncIterator[Watched]:
    """Start both, and Novgorod's database."""
    admin, gateway = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="proxenia-prom-") as name:
        directory = Path(name)
        await asyncio.to_thread(directory.chmod, 0o711)
        (directory / "database").mkdir(mode=0o711)
        database = EmbeddedPostgres(directory / "database")
        await database.start()
        try:
            settings = {
                "PROXENIA_ADMIN_LISTEN": f"127.0.0.1:{admin}",
                "PROXENIA_GATEWAY_METRICS_LISTEN": f"127.0.0.1:{gateway}",
                "PROXENIA_DATABASE_URL": database.dsn,
                "PROXENIA_DATABASE_OWNER_URL": database.owner_dsn,
                "PROXENIA_RATE_LIMITS": "enforced",
                "PROXENIA_RATE_LIMIT_BURST": "5",
                "PROXENIA_DNS_DOMAINS": "cities.example",
                "PROXENIA_DNS_SERVERS": f"127.0.0.1:{free_port()}",  # nobody is there
            }
            often = {"PROXENIA_AUDIT_HEADS_SECONDS": "1", "PROXENIA_RECONCILE_SECONDS": "8"}
            async with pair(directory, often, joined=True, only_novgorod=settings) as partners:
                token = await asyncio.to_thread(new_token, partners.novgorod.state_dir)
                secret = directory / "secret"
                secret.mkdir(mode=0o700)
                (secret / "token").write_text(token)
                yield Watched(partners, admin, gateway, directory, database)
        finally:
            await database.stop()


@asynccontextmanager
async def prometheus(watched: Watched, *, lame: int = 0) -> AsyncIterator[str]:
    """The configuration that we ship, but for its ports, a shorter interval, and no patience.

    ``lame``: where an Envoy that is not ours has its metrics.
    """
    shipped = (RULES / "prometheus.yml").read_text()
    changed = shipped.replace("127.0.0.1:9900", f"127.0.0.1:{watched.admin}")
    changed = re.sub(r"(interval: )\d+s", r"\g<1>1s", changed)
    assert changed.count(str(watched.admin)) == 2
    if lame:
        target = {"targets": [f"127.0.0.1:{lame}"], "labels": {"gateway": "lame"}}
        job = {"job_name": "lame", "metrics_path": "/stats/prometheus", "static_configs": [target]}
        document = yaml.safe_load(changed)
        document["scrape_configs"].append(job)
        changed = yaml.safe_dump(document)
    (watched.directory / "prometheus.yml").write_text(changed)
    patience = (RULES / "rules.yml").read_text()
    (watched.directory / "rules.yml").write_text(re.sub(r"for: \d+m", "for: 0s", patience))
    async with _running(watched.directory) as url:
        yield url


@asynccontextmanager
async def _running(directory: Path) -> AsyncIterator[str]:
    address = f"127.0.0.1:{free_port()}"
    data = directory / f"tsdb-{address.rpartition(':')[2]}"
    with (directory / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address={address}",
            stdin=DEVNULL,
            stdout=log,
            stderr=STDOUT,
        )
        try:
            yield f"http://{address}"
        finally:
            await ended(process)
            await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)


async def ended(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 15)
    except TimeoutError:
        process.kill()
        await process.wait()


async def asked(url: str, query: str) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{url}/api/v1/query", params={"query": query}) as answer:
                found: list[dict[str, Any]] = (await answer.json())["data"]["result"]
        except aiohttp.ClientError:
            return []
    return found


async def firing(url: str) -> set[str]:
    """The alerts that fire now, as Prometheus' own API lists them."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{url}/api/v1/alerts") as answer:
                alerts = (await answer.json())["data"]["alerts"]
        except aiohttp.ClientError:
            return set()
    return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}


async def text_of(url: str, **headers: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert answer.status == 200
        return await answer.text()
