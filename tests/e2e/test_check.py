"""``proxenia check --trust`` against gateways that are running."""

import asyncio
import json
import os
import subprocess
import sys

import pytest

from control_plane.app.demo.organisation import Organisation
from control_plane.app.demo.scene import Scene
from tests.e2e.traffic import ORDERS

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def check(organisation: Organisation) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PROXENIA_STATE_DIR": str(organisation.state_dir)}
    argv = [sys.executable, "-m", "control_plane", "check", "--trust", "-o", "json"]
    return await asyncio.to_thread(
        subprocess.run, argv, env=environment, capture_output=True, text=True, check=False, timeout=100
    )


async def test_forged_certificates_are_refused_and_nothing_of_the_check_remains(stage: Scene) -> None:
    before = await stage.luebeck.get("/federation/agreements")

    done = await check(stage.luebeck)

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert {gateway["id"] for gateway in report["gateways"]} == {"luebeck-1", "luebeck-2"}
    for gateway in report["gateways"]:
        offered = {one["name"]: one for one in gateway["offered"]}
        assert gateway["sound"]
        assert len(offered) >= 30
        assert offered["two ids, its own first"]["by"] == "authorisation: HTTP 403"
        assert offered["another partner's authority, for this partner's id"]["by"].startswith("TLS: ")
        assert {name for name, one in offered.items() if not one["refused"]} == {
            "for servers only",
            "for signing code",
            "valid for ten years",
        }
    status = await stage.luebeck.get("/status")
    assert report["organisations"][0] not in json.dumps([status["problems"], before])
    assert await stage.luebeck.get("/federation/agreements") == before
    assert status["counts"]["agreement"] == len(before["items"])
    assert (await stage.call(stage.novgorod, ORDERS)).status == 200
