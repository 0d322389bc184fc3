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
from typing import Any

import aiohttp
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    async_playwright,
)

from control_plane.app.demo.organisation import Organisation, eventually, free_port
from control_plane.app.demo.scene import all_of
from control_plane.app.demo.upstream import Upstream
from tests.integration.discovery.bind9 import Bind9

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
ZONE = "hanse.example"  # that Novgorod browses; empty unless a test publishes something
_WITHIN = aiohttp.ClientTimeout(total=10)


@dataclass
class Side:
    """One organisation, and browsers at its dashboard that are watched: whatever is wrong is noted.

    ``context`` is that of somebody who is signed in once for all tests; ``opened`` makes others, for those
    who want no scripts, another size or nobody's cookies.
    """

    organisation: Organisation
    port: int
    browser: Browser
    wrong: list[str] = field(default_factory=list)
    _context: BrowserContext | None = None

    @property
    def root(self) -> str:
        """Where its dashboard is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        """The organisation's."""
        return self.organisation.trust_domain

    @asynccontextmanager
    async def opened(self, **options: Any) -> AsyncIterator[BrowserContext]:  # noqa: ANN401 - Playwright's
        """A browser that knows nothing yet, and is watched."""
        context = await self.browser.new_context(**options)
        self._watch(context)
        try:
            yield context
        finally:
            await context.close()

    async def at(self, path: str = "") -> Page:
        """A page of somebody who is signed in, at ``path`` of the dashboard."""
        page: Page
        if self._context is None:
            # Cookies know no ports: each side has its own.
            self._context = await self.browser.new_context(viewport={"width": 1440, "height": 900})
            self._watch(self._context)
            page = await self._context.new_page()
            await page.goto(await link(self.organisation))
        else:
            page = await self._context.new_page()
        await page.goto(f"{self.root}/ui/{path}")
        return page

    def expected(self, text: str) -> None:
        """A complaint that a test has caused on purpose: it must be there, and counts no more."""
        assert any(text in one for one in self.wrong), f"expected a complaint with {text!r}, got {self.wrong}"
        self.wrong = [one for one in self.wrong if text not in one]

    def _watch(self, context: BrowserContext) -> None:
        """Errors of the console (a policy that was broken is one), dialogs, and requests to anybody else."""
        context.on("console", self._said)
        context.on("weberror", lambda error: self.wrong.append(f"error: {error.error}"))
        context.on("dialog", self._asked_people)
        context.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(f"{message.text} {message.location.get('url', '')}")

    async def _asked_people(self, dialog: Dialog) -> None:
        self.wrong.append(f"a dialog: {dialog.message}")
        await dialog.dismiss()

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.root}/ui/", f"{self.root}/api/docs")):
            self.wrong.append(f"asked {request.url}")


@dataclass
class System:
    """Both sides, and the service behind Lübeck's ingress."""

    luebeck: Side
    novgorod: Side
    upstream: Upstream
    applications: aiohttp.ClientSession
    nodes_file: Path  # that Novgorod's control plane follows
    bind9: Bind9  # that it browses

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
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""  # its listener is just being made

    async def passes(self) -> bool:
        """Whether a request does."""
        return await self.call() == 200

    async def refused(self) -> bool:
        """Whether our gateway knows no way for one."""
        return await self.call() == 503

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
    nodes_file = directory / "nodes.yaml"
    nodes_file.write_text('{"nodes": []}', encoding="utf-8")
    bind9 = Bind9(directory / "named", {ZONE: ""})
    sources = {
        "PROXENIA_NODES_FILE": str(nodes_file),
        "PROXENIA_DNS_DOMAINS": ZONE,
        "PROXENIA_DNS_SERVERS": f"{bind9.server.host}:{bind9.server.port}",
    }
    novgorod = Organisation("novgorod.example", directory, sites=1, settings=_settings(ports[1]) | sources)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(bind9)
        upstream = await stack.enter_async_context(Upstream(RESOURCE))
        applications = await stack.enter_async_context(aiohttp.ClientSession(timeout=_WITHIN))
        await stack.enter_async_context(all_of(luebeck, novgorod))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        stack.push_async_callback(browser.close)
        await asyncio.gather(luebeck.ready(), novgorod.ready())
        sides = Side(luebeck, ports[0], browser), Side(novgorod, ports[1], browser)
        yield System(*sides, upstream, applications, nodes_file, bind9)
