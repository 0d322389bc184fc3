"""What Prometheus gets: metrics in good form, dashboards of what exists, and alerts that fire for real.

The real Prometheus of Debian's package scrapes a real organisation; without it these tests are skipped.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from control_plane.app.demo.organisation import DemoError, Organisation, eventually
from tests.integration.metrics import causes
from tests.integration.metrics.lame import call, lame, wait_for_ever
from tests.integration.metrics.watched import (
    ROOT,
    RULES,
    Watched,
    asked,
    firing,
    prometheus,
    rules,
    text_of,
    watching,
)

DASHBOARDS = sorted((ROOT / "envoy" / "grafana").glob("*.json"))
METRIC = re.compile(r"\b((?:proxenia|envoy|process|python)_[a-z0-9_]+)\b(?!\s*=)")
# What promtool would name otherwise in Envoy's own statistics; a line that cannot be read is none of these.
ENVOYS_WAY = re.compile(
    r"envoy_\w+ (?:no help text|counter metrics should have \"_total\" suffix"
    r"|non-(?:histogram and non-summary|counter) metrics should not have \"_(?:count|total)\" suffix"
    r"|metric names should not contain abbreviated units|use base unit \"seconds\" instead of \"\w+\")"
)
GROUPING = re.compile(r"\bby \([^)]*\)|{[^}]*}")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    async with watching() as running:
        yield running


@pytest.mark.asyncio(loop_scope="module")
async def test_the_metrics_are_in_good_form(watched: Watched) -> None:
    own = await text_of(f"http://127.0.0.1:{watched.admin}/metrics", Authorization=f"Bearer {watched.token}")
    gateway = await text_of(f"http://127.0.0.1:{watched.gateway}/metrics")

    assert "proxenia_gateway_connected" in promtool("check", "metrics", given=own) + own
    assert "envoy_cluster_upstream_rq_total" in gateway
    done = subprocess.run(  # noqa: ASYNC221, PLW1510 - quick; the output is what is looked at
        ["promtool", "check", "metrics"], input=gateway, capture_output=True, text=True, timeout=60
    )
    said = (done.stdout + done.stderr).splitlines()
    assert [line for line in said if not ENVOYS_WAY.fullmatch(line)] == []
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


@pytest.mark.asyncio(loop_scope="module")
async def test_every_alert_fires_when_what_it_is_about_happens(watched: Watched) -> None:
    """One system, and one thing after the other that goes wrong in it. Nothing is left of it afterwards."""
    luebeck, novgorod = watched.partners.organisations
    done = asyncio.Event()
    seen: set[str] = set()
    async with lame(watched.directory / "lame") as (envoy, port), prometheus(watched, lame=port) as url:

        async def fire(*alerts: str) -> None:
            wanted = set(alerts)

            async def fired() -> bool:
                seen.update(await firing(url))
                await call(envoy)
                return wanted <= seen

            try:
                await eventually("alerts", fired, within=60)
            except DemoError:
                assert wanted - seen == set(), "these should have fired"

        await causes.partner_in_trouble(watched)
        await causes.partner_that_asks_too_much(watched)
        site, taken = await causes.gateway_that_refuses(watched)
        wait_for_ever(envoy.directory)
        with taken:
            stirring = asyncio.create_task(causes.stir(watched, done))
            await fire("ProxeniaConfigurationRefused", "ProxeniaProblems", "ProxeniaDiscoverySourceDown")
            await fire("ProxeniaAnchorEndsSoon", "ProxeniaRevocationListEndsSoon")
            await fire("EnvoyCircuitOpen", "EnvoyCallersRefused", "EnvoyPartnerHasWrongIdentity")
            await fire("EnvoyManyErrors", "EnvoyPartnerOverLimit", "EnvoyCircuitCannotOpen")
            await fire("EnvoyAuditNotWritten", "EnvoyWaitsForConfiguration")
            await causes.lines_that_are_lost(watched)
            await causes.row_that_is_removed(watched)
            await fire("ProxeniaAuditGap", "ProxeniaAuditsDiffer")
            done.set()
            await stirring
            await causes.log_that_is_replaced(watched)
            await fire("ProxeniaAuditHeadRefused")
            await novgorod.kill_site(site)

        await luebeck.stop()
        await causes.time_that_passes(watched)
        await fire("ProxeniaPartnerSilent", "ProxeniaAuditsNotCompared", "ProxeniaLeafEndsSoon")
        await fire("ProxeniaGatewayDisconnected")
        await watched.database.stop()
        await fire("ProxeniaDatabaseAway", "ProxeniaNotReady")
        await novgorod.kill_all()
        await fire("ProxeniaDown", "EnvoyControlPlaneLost")
        os.kill(novgorod.envoy_pid(novgorod.sites[0]), signal.SIGKILL)

    assert {rule["alert"] for rule in rules()} == seen
