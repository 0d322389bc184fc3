"""A whole control plane of this process with sources of a test's choice, and a gateway with a real Envoy.

``bremen.example`` trusts ``luebeck.example``, whose nodes the sources publish: a node's way is from a source
through the store, the plan and the stream to the endpoints that Envoy has.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from control_plane.app.demo.organisation import free_port
from control_plane.app.discovery import Discovery
from control_plane.app.own_trust import utc_now
from control_plane.app.serve import Parts, serve
from control_plane.app.settings import Settings
from control_plane.ports.source import Source
from tests.golden import anchors

OWN, PARTNER = "bremen.example", "luebeck.example"
RESOURCE = "orders"
CLUSTER = f"to/{RESOURCE}.{PARTNER}"
TRIES = 5
START = 60.0  # seconds for everything to be there
# Where the tests' records are: nothing is dialled there, and discovered nodes must be in an allowed network.
NETWORKS = "127.0.0.0/8,192.0.2.0/24,198.51.100.0/24,203.0.113.0/24"


@dataclass(slots=True)
class Deployment:
    """What runs: its API, its Envoy, and the process that can be looked into."""

    parts: Parts
    http: aiohttp.ClientSession
    envoy: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - whatever JSON holds
        """A request to the admin API; its document. An answer of "try again" is heeded, as its hint says."""
        for _ in range(TRIES):
            async with self.http.request(method, f"http://localhost/api/v1{path}", json=body) as answer:
                text = await answer.text()
            if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(0.5)
        assert answer.ok, f"{method} {path} answered {answer.status}: {text[:300]}"
        return json.loads(text) if text else None

    async def listed(self) -> dict[str, dict[str, Any]]:
        """Our list of nodes, by node id."""
        page = await self.call("GET", f"/federation/nodes?limit=1000&organisation={PARTNER}")
        return {item["node_id"]: item for item in page["items"]}

    async def sources(self) -> dict[str, dict[str, Any]]:
        """How sources fare, by name."""
        return {item["name"]: item for item in (await self.call("GET", "/federation/sources"))["items"]}

    async def endpoints(self, cluster: str = CLUSTER) -> dict[str, int]:
        """The endpoints that Envoy has for the partner's resource, with their priorities."""
        async with self.envoy.get("http://envoy/clusters?format=json") as answer:
            document = json.loads(await answer.text())
        found = [one for one in document.get("cluster_statuses", ()) if one["name"] == cluster]
        hosts = [host for one in found for host in one.get("host_statuses", ())]
        return {_address(host): host.get("priority", 0) for host in hosts}

    async def until(
        self, what: str, probe: Callable[[], Awaitable[object]], *, within: float = 30.0, pause: float = 0.02
    ) -> float:
        """Ask ``probe`` until it answers something true; how many seconds that took."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while not await probe():
            assert clock() - began < within, f"expected {what} within {within:g} s: {await self._state()}"
            await asyncio.sleep(pause)
        return clock() - began

    async def until_endpoints(self, *expected: str, within: float = 30.0) -> float:
        """Until Envoy has exactly these."""

        async def same() -> bool:
            return set(await self.endpoints()) == set(expected)

        return await self.until(f"Envoy to have {expected}", same, within=within)

    async def _state(self) -> str:
        return f"list {sorted(await self.listed())}, Envoy {await self.endpoints()}, {await self.sources()}"


def _address(host: Mapping[str, Any]) -> str:
    address = host["address"]["socket_address"]
    return f"{address['address']}:{address['port_value']}"


@asynccontextmanager
async def deployed(
    directory: Path,
    database_url: str,
    sources: Sequence[Source],
    *,
    resource: str = RESOURCE,
    now: Callable[[], datetime] = utc_now,
    **given: object,
) -> AsyncIterator[Deployment]:
    """Run everything; ``given`` are further settings. Without a ``resource``, Envoy hears of no node.

    ``now`` is the clock by which what sources said ages.
    """
    state_dir = directory / "bremen"
    state_dir.mkdir(mode=0o711)
    settings = Settings.model_validate(
        {
            "trust_domain": OWN,
            "state_dir": state_dir,
            "database_url": database_url,
            "ingress_listen": f"127.0.0.1:{free_port()}",
            "egress_listen": f"127.0.0.1:{free_port()}",
            "partner_networks": NETWORKS,
            "envoy_concurrency": 1,
            "drain_seconds": 0,
            **given,
        }
    )
    parts = Parts.of(settings)
    discovery = Discovery.following(sources, settings, parts.database, parts.federator, now=now)
    parts = replace(parts, discovery=discovery)
    async with parts.database, _running(parts), _gateway(settings):
        run = settings.gateway_dir / "run"
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(settings.run_dir / "admin.sock"))
            ) as http,
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(run / "admin.sock"))) as envoy,
        ):
            deployment = Deployment(parts, http, envoy)
            await _introduce(deployment)
            if resource:
                await _want(deployment, resource)
            yield deployment


@asynccontextmanager
async def _running(parts: Parts) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(serve(parts, stop), name="control plane")
    try:
        async with asyncio.timeout(START):
            while not (parts.settings.run_dir / "admin.sock").exists() or not parts.loop.ready.is_set():
                assert not task.done(), task
                await asyncio.sleep(0.02)
        yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def _gateway(settings: Settings) -> AsyncIterator[None]:
    """The agent and its Envoy, as their own processes."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PROXENIA_")}
    own = (
        "trust_domain",
        "state_dir",
        "ingress_listen",
        "egress_listen",
        "envoy_concurrency",
        "drain_seconds",
    )
    given = {f"PROXENIA_{name.upper()}": str(getattr(settings, name)) for name in own}
    log = settings.state_dir / "gateway.log"
    with log.open("wb") as output:
        agent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "control_plane", "gateway", "run"),
            env={**kept, **given},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                agent.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                await agent.wait()


async def _introduce(deployment: Deployment) -> None:
    """Trust the partner."""
    await deployment.call(
        "POST",
        "/federation/agreements",
        {"organisation": PARTNER, "state": "trusted", "bundle": anchors.LUEBECK},
    )


async def _want(deployment: Deployment, resource: str) -> None:
    """Want a resource of the partner, which nobody serves yet."""
    # A resource needs somebody to serve it before it can be added: this one is taken away again.
    first = {
        "node_id": "first",
        "organisation": PARTNER,
        "spiffe_id": f"spiffe://{PARTNER}/gateway/first",
        "endpoints": [{"host": "203.0.113.1", "port": 1}],
    }
    await deployment.call("POST", "/federation/nodes", first)
    await deployment.call("POST", "/federation/resources", {"name": resource, "organisation": PARTNER})

    async def there() -> bool:
        with suppress(aiohttp.ClientError, OSError, ValueError):
            return "203.0.113.1:1" in await deployment.endpoints()
        return False

    async def gone() -> bool:
        return not await there()

    await deployment.until("Envoy to have the first endpoint", there, within=START)
    await deployment.call("DELETE", f"/federation/nodes/first@{PARTNER}")
    await deployment.until("Envoy to have it no longer", gone)
