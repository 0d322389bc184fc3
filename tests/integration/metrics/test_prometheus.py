"""What Prometheus gets: metrics in good form, rules that fire, dashboards of metrics that exist.

The real Prometheus of Debian's package scrapes a real organisation; without it these tests are skipped.
"""

import asyncio
import json
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
import pytest
import pytest_asyncio
import yaml

from control_plane.app.demo.organisation import Organisation, eventually, free_port
from tests.e2e.pair import Pair, pair

ROOT = Path(__file__).parents[3]
RULES = ROOT / "envoy" / "prometheus"
DASHBOARDS = sorted((ROOT / "envoy" / "grafana").glob("*.json"))
METRIC = re.compile(r"\b((?:proxenia|envoy|process|python)_[a-z0-9_]+)\b(?!\s*=)")
GROUPING = re.compile(r"\bby \([^)]*\)|{[^}]*}")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        shutil.which("prometheus") is None or shutil.which("promtool") is None,
        reason="Debian's package prometheus is not installed: run make test as root, or install it",
    ),
]


def promtool(*arguments: str, given: str = "") -> str:
    done = subprocess.run(  # noqa: PLW1510 - the output is the message
        ["promtool", *arguments], cwd=RULES, input=given, capture_output=True, text=True, timeout=60
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def used(expression: str) -> set[str]:
    return set(METRIC.findall(GROUPING.sub("", expression)))


def expressions() -> dict[str, str]:
    panels = {
        f"{path.stem}: {panel['title']}: {target['refId']}": target["expr"]
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    }
    return panels | {rule["alert"]: rule["expr"] for rule in rules()}


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((RULES / "rules.yml").read_text())
    found: list[dict[str, Any]] = document["groups"][0]["rules"]
    return found


def test_the_rules_are_good_and_every_alert_fires_and_a_healthy_system_fires_none() -> None:
    promtool("check", "rules", "rules.yml")
    promtool("test", "rules", "rules_test.yml")

    tested = (RULES / "rules_test.yml").read_text()
    assert [rule["alert"] for rule in rules() if f'alertname="{rule["alert"]}"' not in tested] == []


def test_the_dashboards_are_what_their_tables_make() -> None:
    done = subprocess.run(  # noqa: PLW1510 - the output is the message
        [sys.executable, ROOT / "tools" / "dashboards.py", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr


def test_every_alert_has_its_runbook() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "alerts.md").read_text(), re.MULTILINE)

    assert [rule["alert"] for rule in rules()] == headings
    for rule in rules():
        assert rule["annotations"]["runbook_url"] == f"docs/alerts.md#{rule['alert'].lower()}"


@dataclass(frozen=True, slots=True)
class Watched:
    """Two partners, and where Novgorod's metrics are."""

    partners: Pair
    admin: int
    gateway: int
    directory: Path

    @property
    def token(self) -> str:
        return (self.directory / "secret" / "token").read_text()


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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    admin, gateway = free_port(), free_port()
    settings = {
        "PROXENIA_ADMIN_LISTEN": f"127.0.0.1:{admin}",
        "PROXENIA_GATEWAY_METRICS_LISTEN": f"127.0.0.1:{gateway}",
    }
    with tempfile.TemporaryDirectory(prefix="proxenia-prom-") as name:
        directory = Path(name)
        await asyncio.to_thread(directory.chmod, 0o711)
        async with pair(directory, {}, only_novgorod=settings) as partners:
            token = await asyncio.to_thread(new_token, partners.novgorod.state_dir)
            secret = directory / "secret"
            secret.mkdir(mode=0o700)
            (secret / "token").write_text(token)
            yield Watched(partners, admin, gateway, directory)


@asynccontextmanager
async def prometheus(watched: Watched) -> AsyncIterator[str]:
    """A Prometheus with the configuration that we ship, but for its ports and a shorter interval."""
    shipped = (RULES / "prometheus.yml").read_text()
    changed = shipped.replace("127.0.0.1:9900", f"127.0.0.1:{watched.admin}")
    changed = re.sub(r"(interval: )\d+s", r"\g<1>1s", changed)
    assert changed.count(str(watched.admin)) == 2
    (watched.directory / "prometheus.yml").write_text(changed)
    shutil.copy(RULES / "rules.yml", watched.directory)
    address = f"127.0.0.1:{free_port()}"
    with (watched.directory / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={watched.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={watched.directory / 'tsdb'}",
            f"--web.listen-address={address}",
            stdin=DEVNULL,
            stdout=log,
            stderr=STDOUT,
        )
        try:
            yield f"http://{address}"
        finally:
            await ended(process)


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


async def text_of(url: str, **headers: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert answer.status == 200
        return await answer.text()


@pytest.mark.asyncio(loop_scope="module")
async def test_the_metrics_are_in_good_form(watched: Watched) -> None:
    own = await text_of(f"http://127.0.0.1:{watched.admin}/metrics", Authorization=f"Bearer {watched.token}")
    gateway = await text_of(f"http://127.0.0.1:{watched.gateway}/metrics")

    assert "proxenia_gateway_connected" in promtool("check", "metrics", given=own) + own
    assert "envoy_cluster_upstream_rq_total" in gateway
    assert sum(not line.startswith("#") for line in own.splitlines()) < 2_000


@pytest.mark.asyncio(loop_scope="module")
async def test_dashboards_and_rules_refer_only_to_metrics_that_exist(watched: Watched) -> None:
    """All that there is: those of Envoy also that have counted nothing yet."""
    own = await text_of(f"http://127.0.0.1:{watched.admin}/metrics", Authorization=f"Bearer {watched.token}")
    envoys = [await every_statistic(each) for each in watched.partners.organisations]
    known = {
        line.split()[2].removesuffix("_total")
        for text in (own, *envoys)
        for line in text.splitlines()
        if line.startswith("# TYPE")
    }

    missing = {
        where: unknown
        for where, expression in expressions().items()
        if (
            unknown := {
                name
                for name in used(expression)
                if name.removesuffix("_bucket").removesuffix("_total") not in known
            }
        )
    }

    assert missing == {}


async def every_statistic(organisation: Organisation) -> str:
    socket = organisation.state_dir / "gateway" / organisation.sites[0].gateway_id / "run" / "admin.sock"
    connector = aiohttp.UnixConnector(str(socket))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get("http://localhost/stats/prometheus") as answer,
    ):
        return await answer.text()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_real_prometheus_finds_and_reads_everything_and_sees_a_gateway_go(watched: Watched) -> None:
    async with prometheus(watched) as url:

        async def up() -> bool:
            return {one["metric"]["job"] for one in await asked(url, "up == 1")} == {"proxenia", "envoy"}

        async def counted() -> bool:
            return bool(await asked(url, 'envoy_cluster_upstream_rq_total{envoy_cluster_name=~"to/.*"} > 0'))

        async def silent() -> bool:
            return bool(await asked(url, 'ALERTS{alertname="EnvoyControlPlaneLost"}'))

        await eventually("both jobs to be up", up, within=30)
        await eventually("requests to be counted", counted, within=30)
        first = await asked(url, 'ALERTS{severity="critical"}')
        watched.partners.novgorod.kill_control_plane()
        await eventually("the alert of a lost control plane to be pending", silent, within=30)
        await watched.partners.novgorod.ready_again()

    assert first == []
