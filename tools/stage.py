"""A federation that has something to show: partners, traffic, a failing service, a denial, an open request.

Novgorod's dashboard is the one that is looked at. Lübeck and Bergen joined it; Visby asks to.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from control_plane.app.demo.organisation import Organisation, eventually, free_port
from control_plane.app.demo.scene import all_of
from control_plane.app.demo.upstream import Upstream

WITHIN = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Stage:
    """``root`` is the address of novgorod's dashboard."""

    novgorod: Organisation
    luebeck: Organisation
    bergen: Organisation
    root: str
    stockfish: Upstream

    async def link(self) -> str:
        """An address that signs a browser in, once."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "control_plane", "dashboard", "-o", "json"),
            env={**os.environ, "PROXENIA_STATE_DIR": str(self.novgorod.state_dir)},
            stdout=PIPE,
        )
        said = (await asyncio.wait_for(process.communicate(), 30))[0]
        return str(json.loads(said)["url"])

    async def call(self, caller: Organisation, resource: str, path: str, times: int) -> None:
        """Requests of the caller's application, one after the other."""
        url = f"http://127.0.0.1:{caller.sites[0].egress}{path}"
        headers = {"host": resource.replace("@", ".")}
        async with aiohttp.ClientSession(timeout=WITHIN) as session:
            for _ in range(times):
                async with session.get(url, headers=headers) as answer:
                    await answer.read()


@asynccontextmanager
async def stage(directory: Path) -> AsyncIterator[Stage]:
    """Everything, started, introduced and with some past; stopped in the end."""
    port = free_port()
    async with AsyncExitStack() as stack:
        services = [
            await stack.enter_async_context(Upstream(name)) for name in ("orders", "stockfish", "ledger")
        ]
        novgorod = _organisation("novgorod", directory, 1, PROXENIA_ADMIN_LISTEN=f"127.0.0.1:{port}")
        luebeck, bergen = _organisation("luebeck", directory, 2), _organisation("bergen", directory, 1)
        await stack.enter_async_context(all_of(novgorod, luebeck, bergen))
        await asyncio.gather(*(one.ready() for one in (novgorod, luebeck, bergen)))
        running = Stage(novgorod, luebeck, bergen, f"http://127.0.0.1:{port}", services[1])
        await _introduce(running, services)
        await _live(running)
        yield running


def _organisation(name: str, directory: Path, sites: int, **more: str) -> Organisation:
    settings = {
        "PROXENIA_PEERING_LISTEN": f"127.0.0.1:{free_port()}",
        "PROXENIA_PARTNER_NETWORKS": "127.0.0.0/8",
        "PROXENIA_HEARTBEAT_SECONDS": "1",
        "PROXENIA_CIRCUIT_OPEN_SECONDS": "120",
    }
    return Organisation(f"{name}.example", directory, sites=sites, settings=settings | more)


async def _introduce(running: Stage, services: list[Upstream]) -> None:
    """Who is whose partner, what is offered, and who may use it."""
    novgorod, luebeck, bergen = running.novgorod, running.luebeck, running.bergen
    for inviter, joiner in ((novgorod, luebeck), (novgorod, bergen)):
        invite = await inviter.post("/federation/invites", {"organisation": joiner.trust_domain})
        await joiner.post("/federation/join", {"token": invite["token"]})
        for own, partner in ((inviter, joiner), (joiner, inviter)):
            await own.post(f"/federation/agreements/{partner.trust_domain}/approve", {})
    await novgorod.post("/federation/agreements", {"organisation": "visby.example", "state": "pending"})
    await novgorod.post("/federation/invites", {"organisation": "gdansk.example"})
    offers = ((luebeck, "orders", novgorod), (bergen, "stockfish", novgorod), (novgorod, "ledger", luebeck))
    for (owner, name, user), service in zip(offers, services, strict=True):
        await _offer(owner, name, user, service)
    await bergen.post("/federation/resources", {"name": "ledger", "organisation": novgorod.trust_domain})
    shadow = {"id": "bergen-tries-ledger", "resource": "ledger", "subject": bergen.trust_domain}
    await novgorod.post("/federation/grants", shadow | {"shadow": True})


async def _offer(owner: Organisation, name: str, user: Organisation, service: Upstream) -> None:
    assert service.endpoint is not None  # noqa: S101 - it is started
    address = {"host": service.endpoint.host, "port": service.endpoint.port}
    resource = {"name": name, "organisation": owner.trust_domain}
    await owner.post("/federation/resources", resource | {"upstreams": [address]})
    await user.post("/federation/resources", resource)
    grant = {"id": f"{user.name}-uses-{name}", "resource": name, "subject": user.trust_domain}
    await owner.post("/federation/grants", grant)


async def _live(running: Stage) -> None:
    """Some traffic, a denial, and a service that fails until its circuit opens."""
    novgorod, luebeck, bergen = running.novgorod, running.luebeck, running.bergen

    async def passes() -> bool:
        await running.call(novgorod, "stockfish@bergen.example", "/", 1)
        await running.call(luebeck, "ledger@novgorod.example", "/entries", 1)
        rows = (await novgorod.get("/audit/events", decision="allowed", event_type="cross_org_request"))[
            "items"
        ]
        return {row["direction"] for row in rows} == {"egress", "ingress"}

    await eventually("requests to pass", passes, within=30)
    await running.call(novgorod, "orders@luebeck.example", "/orders/today", 60)
    await running.call(luebeck, "ledger@novgorod.example", "/entries", 25)
    await running.call(bergen, "ledger@novgorod.example", "/entries", 4)
    running.stockfish.failing = True
    await running.call(novgorod, "stockfish@bergen.example", "/cod", 12)

    async def seen() -> bool:
        denied = (await novgorod.get("/audit/events", decision="denied"))["items"]
        opened = (await novgorod.get("/audit/events", event_type="circuit_opened"))["items"]
        return bool(denied and opened)

    await eventually("the denial and the open circuit in novgorod's audit", seen, within=30)
