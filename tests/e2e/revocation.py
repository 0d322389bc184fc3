"""A scene of its own for revocations: two partners use a service of Luebeck, which uses one of Novgorod."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from control_plane.app.demo.organisation import Organisation, eventually
from control_plane.app.demo.scene import all_of

ESTABLISHED = "01"  # in /proc/net/tcp


@dataclass
class Stage:
    """Luebeck is the one who revokes."""

    luebeck: Organisation
    bergen: Organisation
    novgorod: Organisation
    applications: aiohttp.ClientSession
    service: "Service"

    def url(self, caller: Organisation, path: str = "/") -> str:
        """Where an application of ``caller`` sends its requests."""
        return f"http://127.0.0.1:{caller.sites[0].egress}{path}"

    async def call(self, caller: Organisation, host: str = "orders.luebeck.example") -> int:
        """The status of one request."""
        async with self.applications.get(self.url(caller, "/call"), headers={"host": host}) as answer:
            await answer.read()
            return answer.status

    async def socket(self, caller: Organisation, host: str) -> aiohttp.ClientWebSocketResponse:
        """An open WebSocket that has carried something."""
        opened = await self.applications.ws_connect(self.url(caller, "/socket"), headers={"host": host})
        await opened.send_str("there")
        assert await opened.receive_str(timeout=5) == "there"
        return opened

    async def proof(self, organisation: Organisation) -> dict[str, Any]:
        """What Luebeck's gateway reported of the last thing that was taken back from a partner."""

        async def reported() -> dict[str, Any] | None:
            path = f"/federation/agreements/{organisation.trust_domain}"
            gateways = (await self.luebeck.get(path))["revocation"]["gateways"]
            return gateways[0] if gateways else None

        found = await eventually("the gateway's report", reported, within=20)
        assert found is not None
        return found


@dataclass
class Load:
    """Requests without a pause; what became of each, by when it was answered (monotonic)."""

    stage: Stage
    caller: Organisation
    answers: list[tuple[float, int]] = field(default_factory=list)

    @asynccontextmanager
    async def running(self, *, workers: int = 3) -> AsyncIterator["Load"]:
        """Under this load."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self._ask(stop)) for _ in range(workers)]
        try:
            yield self
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _ask(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            status = await self.stage.call(self.caller)
            self.answers.append((time.monotonic(), status))

    @property
    def statuses(self) -> set[int]:
        """Which there were."""
        return {status for _, status in self.answers}

    @property
    def first_refusal(self) -> float:
        """When the first was not served."""
        return min(at for at, status in self.answers if status != web.HTTPOk.status_code)

    @property
    def last_served(self) -> float:
        """When the last was served."""
        return max(at for at, status in self.answers if status == web.HTTPOk.status_code)


@dataclass
class Service:
    """Answers requests, and echoes what comes over a WebSocket; when each of these ended (monotonic)."""

    ended: list[float] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        if request.path != "/socket":
            return web.Response(text="here")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            async for message in socket:
                await socket.send_str(message.data)
        finally:
            self.ended.append(time.monotonic())
        return socket

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Its port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port: int = runner.addresses[0][1]
            yield port
        finally:
            await runner.cleanup()


@asynccontextmanager
async def stage(directory: Path, *, settings: Mapping[str, str] | None = None) -> AsyncIterator[Stage]:
    """All of it, running and agreed; ``settings`` are Luebeck's."""
    async with AsyncExitStack() as stack:
        service = Service()
        port = await stack.enter_async_context(service.listening())
        applications = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        )
        luebeck = Organisation("luebeck.example", directory, sites=1, settings=settings)
        bergen, novgorod = (
            Organisation(f"{name}.example", directory, sites=1) for name in ("bergen", "novgorod")
        )
        await stack.enter_async_context(all_of(luebeck, bergen, novgorod))
        await asyncio.gather(*(each.ready() for each in (luebeck, bergen, novgorod)))
        for partner in (bergen, novgorod):
            await _trust(luebeck, partner)
            await _trust(partner, luebeck)
        await _share(luebeck, "orders", port, [bergen, novgorod])
        await _share(novgorod, "stock", port, [luebeck])
        made = Stage(luebeck, bergen, novgorod, applications, service)

        async def served() -> bool:
            asked = [(bergen, "orders.luebeck.example"), (novgorod, "orders.luebeck.example")]
            asked.append((luebeck, "stock.novgorod.example"))
            return {await made.call(caller, host) for caller, host in asked} == {web.HTTPOk.status_code}

        await eventually("granted resources to be reachable", served)
        yield made


async def _trust(own: Organisation, partner: Organisation) -> None:
    anchors = (await partner.get("/federation/info"))["anchors"]
    terms = {"organisation": partner.trust_domain, "state": "trusted", "bundle": "".join(anchors)}
    await own.post("/federation/agreements", terms)
    site = partner.sites[0]
    node = {
        "node_id": site.gateway_id,
        "organisation": partner.trust_domain,
        "spiffe_id": f"spiffe://{partner.trust_domain}/gateway/{site.gateway_id}",
        "endpoints": [{"host": "127.0.0.1", "port": site.ingress}],
    }
    await own.post("/federation/nodes", node)


async def _share(own: Organisation, name: str, port: int, partners: list[Organisation]) -> None:
    upstreams = [{"host": "127.0.0.1", "port": port}]
    resource = {"name": name, "organisation": own.trust_domain}
    await own.post("/federation/resources", {**resource, "upstreams": upstreams})
    for partner in partners:
        await partner.post("/federation/resources", resource)
        grant = {"id": f"{partner.name}-{name}", "resource": name, "subject": partner.trust_domain}
        await own.post("/federation/grants", grant)


def connections(process: int, port: int) -> int:
    """How many TCP connections this process has open to ``port`` of this machine."""
    inodes = set()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue  # closed meanwhile
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        row[3] == ESTABLISHED and int(row[2].partition(":")[2], 16) == port and row[9] in inodes
        for row in rows
    )
