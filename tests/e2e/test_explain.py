"""Failures staged on two running organisations, and what ``proxenia explain`` says of each."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from control_plane.app.demo.organisation import Organisation, eventually
from control_plane.app.up import GATEWAY
from tests.e2e.conftest import room
from tests.e2e.pair import RESOURCE, WITHIN, Pair, pair

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ROUTE = f"{RESOURCE}@luebeck.example"
CALLER = "spiffe://novgorod.example/gateway/novgorod-1"
QUICK = {"PROXENIA_CIRCUIT_OPEN_SECONDS": "60"}


async def typed(organisation: Organisation, *words: str) -> dict[str, Any]:
    """A command of the operator, on the machine of the organisation."""
    program = (sys.executable, "-m", "control_plane", "--state-dir", str(organisation.state_dir))
    process = await asyncio.create_subprocess_exec(
        *(*program, *words, "-o", "json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode in {0, 1}, err.decode()
    found: dict[str, Any] = json.loads(out)
    return found


async def cause(organisation: Organisation, *words: str) -> str:
    """The code of what ``proxenia explain`` found."""
    return str((await typed(organisation, "explain", *words))["code"])


async def until(expected: str, organisation: Organisation, *words: str) -> str:
    """Rows and states arrive a moment later: until the cause is this one."""

    async def probe() -> bool:
        return await cause(organisation, *words) == expected

    await eventually(f"{expected} as the cause", probe, within=20.0)
    return expected


async def call(running: Pair, host: str, *, method: str = "GET") -> tuple[int, str]:
    """Status and correlation id of a request of Novgorod's application."""
    url = f"http://127.0.0.1:{running.novgorod.sites[0].egress}/"
    async with (
        aiohttp.ClientSession(timeout=WITHIN) as session,
        session.request(method, url, headers={"host": host}) as answer,
    ):
        return answer.status, answer.headers["x-request-id"]


@contextmanager
def without_gateway(organisation: Organisation) -> Iterator[None]:
    """Its agent and Envoy end, and its supervisor is held, so that it does not start them again."""
    agent = int((organisation.state_dir / "run" / f"{GATEWAY}.pid").read_text().split()[0])
    supervisor = int(Path(f"/proc/{agent}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(agent, signal.SIGKILL)
        os.kill(organisation.envoy_pid(organisation.sites[0]), signal.SIGKILL)
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


async def offered(running: Pair, name: str) -> None:
    """A further resource of Luebeck, known to both."""
    known = {"name": name, "organisation": running.luebeck.trust_domain}
    nowhere = {"upstreams": [{"host": "127.0.0.1", "port": 9}]}
    await running.luebeck.post("/federation/resources", known | nowhere)
    await running.novgorod.post("/federation/resources", known)


async def same(organisation: Organisation) -> bool:
    """Whether the gateway has what it should have, also where filter chains were replaced in place."""
    return not (await typed(organisation, "diff", "--live"))["resources"]


async def test_the_true_cause_of_each_staged_failure_is_named() -> None:
    with room() as directory:
        async with pair(directory, QUICK) as running:
            luebeck, novgorod = running.organisations
            found: dict[str, str] = {}
            vault, node = "vault@luebeck.example", "/federation/nodes/luebeck-1@luebeck.example"
            ours = (ROUTE, "--as", CALLER)

            assert await cause(novgorod, ROUTE, "--live") == ""
            assert await cause(luebeck, *ours) == ""
            assert (await typed(novgorod, "diff", "--live"))["resources"] == []

            _, missing = await call(running, "nothing.luebeck.example")
            found["unknown resource"] = await cause(novgorod, "nothing@luebeck.example")
            found["of a request"] = await until("unknown_resource", novgorod, "--request", missing)

            await offered(running, "vault")
            found["no grant"] = await cause(luebeck, vault, "--as", CALLER)

            reading = {"methods": ["HEAD"], "path": "/"}
            grant = {"id": "vault-read", "resource": "vault", "subject": "novgorod.example"}
            await luebeck.post("/federation/grants", grant | {"capabilities": [reading]})

            async def denied() -> str:
                status, rid = await call(running, "vault.luebeck.example", method="DELETE")
                return rid if status == 403 else ""

            refused = await eventually("a denial", denied)
            found["wrong method"] = await until("wrong_method", luebeck, "--request", refused)
            found["denied by partner"] = await until("denied_by_partner", novgorod, "--request", refused)

            await novgorod.post(f"{node}/drain", {"reason": "works"})
            found["node drained"] = await until("node_drained", novgorod, ROUTE)
            await novgorod.post(f"{node}/undrain", {"reason": "done"})

            await novgorod.post(f"{node}/circuit/open", {"reason": "smoke"})
            found["circuit open, by hand"] = await until("circuit_open", novgorod, ROUTE)
            (listed,) = (await typed(novgorod, "circuit", "list"))["items"]
            assert (listed["node"], listed["reason"]) == ("luebeck-1@luebeck.example", "by hand: smoke")
            await novgorod.post(f"{node}/circuit/reset", {"reason": "gone"})
            await until("", novgorod, ROUTE, "--live")

            for _ in range(8):  # nothing listens behind it
                await call(running, "vault.luebeck.example", method="HEAD")
            found["circuit open, live"] = await until("circuit_open", novgorod, vault, "--live")
            found["circuit open"] = await until("circuit_open", novgorod, vault)

            with without_gateway(luebeck):
                found["gateway disconnected"] = await until("gateway_disconnected", luebeck, *ours)

            await novgorod.post("/federation/agreements/luebeck.example/pause", {"reason": "quarrel"})
            found["paused agreement"] = await until("agreement_paused", novgorod, ROUTE)
            await eventually("listeners as wanted, cut as they were", lambda: same(novgorod), within=20.0)

    assert found == {
        "unknown resource": "unknown_resource",
        "of a request": "unknown_resource",
        "no grant": "no_grant",
        "wrong method": "wrong_method",
        "denied by partner": "denied_by_partner",
        "node drained": "node_drained",
        "circuit open, by hand": "circuit_open",
        "circuit open, live": "circuit_open",
        "circuit open": "circuit_open",
        "gateway disconnected": "gateway_disconnected",
        "paused agreement": "agreement_paused",
    }
