"""Two real organisations and a real Chromium, shared by all tests of this folder.

Lübeck has two nodes and offers a resource that Novgorod calls. At first they are strangers: the long story
makes them partners by their dashboards; every other test asks ``befriend`` first.
"""

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    async_playwright,
)

from control_plane.app.demo.organisation import Organisation, eventually, free_port
from control_plane.app.demo.scene import all_of
from control_plane.app.demo.upstream import Upstream

CHROMIUM = shutil.which("chromium")
# As root there is no sandbox; the rest keeps Chromium from calling home.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RESOURCE = "orders"
_WITHIN = aiohttp.ClientTimeout(total=10)


@dataclass
class Side:
    """One organisation, and a browser at its dashboard that is watched: whatever is wrong is noted."""

    organisation: Organisation
    port: int
    context: BrowserContext
    wrong: list[str] = field(default_factory=list)
    _signed_in: bool = False

    @property
    def root(self) -> str:
        """Where its dashboard is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        """The organisation's."""
        return self.organisation.trust_domain

    async def page(self) -> Page:
        """A new page that is watched: errors of the console, and requests to anybody else."""
        page = await self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", self._asked)
        return page

    async def at(self, path: str = "") -> Page:
        """A watched page of somebody who is signed in, at ``path`` of the dashboard."""
        page = await self.page()
        if not self._signed_in:
            await page.goto(await link(self.organisation))
            self._signed_in = True
        await page.goto(f"{self.root}/ui/{path}")
        return page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.root}/ui/", f"{self.root}/api/docs")):
            self.wrong.append(f"asked {request.url}")


@dataclass
class System:
    """Both sides, and the service behind Lübeck's ingress."""

    luebeck: Side
    novgorod: Side
    upstream: Upstream
    browser: Browser
    applications: aiohttp.ClientSession

    @property
    def wrong(self) -> list[str]:
        """All that any page complained about."""
        return self.luebeck.wrong + self.novgorod.wrong

    async def call(self) -> int:
        """The status of one request of Novgorod's application."""
        return (await self.request())[0]

    async def request(self) -> tuple[int, str]:
        """The status of one request of Novgorod's application, and what it got."""
        url = f"http://127.0.0.1:{self.novgorod.organisation.sites[0].egress}/"
        headers = {"host": f"{RESOURCE}.{self.luebeck.name}"}
        try:
            async with self.applications.get(url, headers=headers) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientError:
            return 0, ""  # its listener is just being made

    async def passes(self) -> bool:
        """Whether a request does."""
        return await self.call() == 200

    async def offer(self) -> None:
        """Lübeck offers its resource, Novgorod may use it and knows it; done once, also when partners."""
        if await _known(self.luebeck.organisation, "resources"):
            return
        assert self.upstream.endpoint
        address = {"host": self.upstream.endpoint.host, "port": self.upstream.endpoint.port}
        resource = {"name": RESOURCE, "organisation": self.luebeck.name}
        grant = {"id": "novgorod-uses-orders", "resource": RESOURCE, "subject": self.novgorod.name}
        await self.luebeck.organisation.post("/federation/resources", resource | {"upstreams": [address]})
        await self.luebeck.organisation.post("/federation/grants", grant)
        await self.novgorod.organisation.post("/federation/resources", resource)

    async def befriend(self) -> None:
        """Whatever tests did before: both trust each other, and a request passes."""
        one, other = self.luebeck.organisation, self.novgorod.organisation
        if not await _known(one, "agreements"):
            token = (await one.post("/federation/invites", {"organisation": other.trust_domain}))["token"]
            await other.post("/federation/join", {"token": token})
        for own, partner in ((one, other), (other, one)):
            path = f"/federation/agreements/{partner.trust_domain}"
            if not (await own.get(path))["open"]:
                await own.put(path, {"state": "trusted"})
        await self.offer()
        await eventually("a request to pass", self.passes, within=20)


async def _known(organisation: Organisation, kind: str) -> bool:
    return bool((await organisation.get(f"/federation/{kind}"))["items"])


async def link(organisation: Organisation) -> str:
    """What ``proxenia dashboard`` prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "control_plane", "dashboard", "-o", "json"),
        env={**os.environ, "PROXENIA_STATE_DIR": str(organisation.state_dir)},
        stdout=PIPE,
    )
    said = (await asyncio.wait_for(process.communicate(), 30))[0]
    return str(json.loads(said)["url"])


def _settings(port: int) -> dict[str, str]:
    return {
        "PROXENIA_ADMIN_LISTEN": f"127.0.0.1:{port}",
        "PROXENIA_PEERING_LISTEN": f"127.0.0.1:{free_port()}",
        "PROXENIA_PARTNER_NETWORKS": "127.0.0.0/8",
        "PROXENIA_HEARTBEAT_SECONDS": "1",
    }


@asynccontextmanager
async def system(directory: Path) -> AsyncIterator[System]:
    """Everything, running, in ``directory``; the organisations do not know each other."""
    ports = free_port(), free_port()
    luebeck = Organisation("luebeck.example", directory, sites=2, settings=_settings(ports[0]))
    novgorod = Organisation("novgorod.example", directory, sites=1, settings=_settings(ports[1]))
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(Upstream(RESOURCE))
        applications = await stack.enter_async_context(aiohttp.ClientSession(timeout=_WITHIN))
        await stack.enter_async_context(all_of(luebeck, novgorod))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        stack.push_async_callback(browser.close)
        sides = []
        for organisation, port in zip((luebeck, novgorod), ports, strict=True):
            # Cookies know no ports: each side has its own.
            context = await browser.new_context(viewport={"width": 1440, "height": 900})
            sides.append(Side(organisation, port, context))
        await asyncio.gather(luebeck.ready(), novgorod.ready())
        yield System(sides[0], sides[1], upstream, browser, applications)
