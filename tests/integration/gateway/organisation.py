"""One small organisation around a real Envoy: control plane, agent process and upstream.

The control plane is the real one (authority, enrolment, delta ADS, audit receiver) over fake stores, so
that a test can stop it, restart it and look at every row.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from aiohttp import web

from control_plane.app.demo.organisation import free_port
from control_plane.audit.receive import SHIP, Receiver
from control_plane.gateway import processes
from control_plane.gateway.config import Files
from control_plane.model.identity import TrustDomain
from control_plane.model.xds import CLUSTER, LISTENER, XdsResource
from control_plane.ports.publisher import Publication
from control_plane.trust.authority import LEAF_LIFETIME, Authority
from control_plane.trust.enrol import HELLO, Enrolment
from control_plane.xds.board import Board
from control_plane.xds.gateways import Gateways
from control_plane.xds.identity import Admission
from control_plane.xds.listen import Credentials, Listen
from control_plane.xds.server import Rules, Server
from tests.fakes.audit import FakeAudit
from tests.fakes.certificates import FakeIssued
from tests.fakes.deliveries import FakeDeliveries
from tests.fakes.objects import FakeObjects
from tests.integration.gateway import envoy_config

OWN = TrustDomain("luebeck.example")
ROOT = Path(__file__).parents[3]


async def until(condition: Callable[[], object], *, seconds: float = 15.0, what: str = "") -> None:
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {seconds} s: {what or condition}")
        await asyncio.sleep(0.02)


@dataclass
class Organisation:
    """Everything lies under ``state``, whose path is short enough for sockets."""

    state: Path
    lifetime: timedelta = LEAF_LIFETIME
    over_tcp: bool = False
    audit: FakeAudit = field(default_factory=FakeAudit)
    objects: FakeObjects = field(default_factory=FakeObjects)
    egress: int = field(default_factory=free_port)
    ingress: int = field(default_factory=free_port)
    upstream: int = 0
    slow: list[str] = field(default_factory=list)  # what arrived at the upstream that takes a second
    settings: dict[str, object] = field(default_factory=dict)  # more of AgentConfig
    agents: list[asyncio.subprocess.Process] = field(default_factory=list)
    server: Server | None = None
    tcp_port: int = field(default_factory=free_port)

    @property
    def files(self) -> Files:
        return Files(self.state / "gw")

    @property
    def agent_log(self) -> Path:
        return self.state / "agent.log"

    def authority(self) -> Authority:
        return Authority.open(self.state / "ca", OWN, now=datetime.now(UTC))

    async def start_control_plane(self) -> None:
        authority = self.authority()
        board = Board()
        board.publish(
            Publication(
                (
                    XdsResource.of(CLUSTER, envoy_config.CLUSTER_NAME, envoy_config.cluster(self.upstream)),
                    XdsResource.of(LISTENER, "egress", envoy_config.listener(self.egress)),
                    XdsResource.of(LISTENER, "ingress", envoy_config.tls_listener(self.ingress)),
                )
            )
        )
        board.open()
        enrolment = Enrolment(
            self.objects, authority, self.audit, FakeIssued(), OWN, lambda: datetime.now(UTC), self.lifetime
        )
        receiver = Receiver(self.audit, own=OWN, clock=lambda: datetime.now(UTC))
        made = authority.server_credentials(now=datetime.now(UTC))
        listen = Listen(
            unix=self.state / "run" / "xds.sock",
            tcp=f"127.0.0.1:{self.tcp_port}" if self.over_tcp else "",
            credentials=lambda: Credentials(made.key, made.chain, made.roots),
        )
        rules = Rules(
            Admission(OWN, lambda _caller, _gateway: True),
            {HELLO: enrolment.hello, SHIP: receiver.ship},
        )
        self.server = Server(board, Gateways(FakeDeliveries(), replica="r1"), listen=listen, rules=rules)
        await self.server.start()

    async def stop_control_plane(self) -> None:
        if self.server is not None:
            await self.server.stop(0)
            self.server = None

    async def start_agent(self) -> asyncio.subprocess.Process:
        target = f"127.0.0.1:{self.tcp_port}" if self.over_tcp else f"unix:{self.state}/run/xds.sock"
        config = {
            "directory": str(self.files.directory), "control_plane": target, "egress": self.egress,
            **self.settings,
        }  # fmt: skip
        with self.agent_log.open("ab") as log:
            agent = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.integration.gateway.one_agent", json.dumps(config),
                cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        self.agents.append(agent)
        return agent

    def envoys(self) -> list[int]:
        found = processes.find(self.files.directory, self.files.bootstrap.name)
        return [process.pid for process in found]

    async def serving(self) -> int:
        """Wait until Envoy answers requests; its process id."""
        async with aiohttp.ClientSession() as session:
            await until_async(lambda: self.status(session), seconds=20)
        return self.envoys()[0]

    async def status(self, session: aiohttp.ClientSession, path: str = "/probe") -> bool:
        try:
            async with session.get(f"http://127.0.0.1:{self.egress}{path}") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def requests(self, count: int, prefix: str) -> None:
        """Send requests that can be told apart in the audit by their paths, each of which must succeed."""
        async with aiohttp.ClientSession() as session:
            for number in range(count):
                url = f"http://127.0.0.1:{self.egress}/{prefix}/{number}"
                async with session.get(url, params={"token": "hidden"}) as answer:
                    assert answer.status == 200

    def paths(self, prefix: str) -> list[str]:
        """The paths under ``prefix`` in the audit, in the order of arrival."""
        found = (event.metadata.get("path", "") for event in self.audit.events)
        return [path for path in found if path.startswith(f"/{prefix}/")]

    async def end(self) -> None:
        for agent in self.agents:
            if agent.returncode is None:
                agent.kill()
                await agent.wait()
        for pid in self.envoys():
            os.kill(pid, signal.SIGKILL)
        await until(lambda: not self.envoys(), what="Envoy's end")
        await self.stop_control_plane()


async def until_async(condition: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {seconds} s")
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def slow_upstream() -> AsyncIterator[tuple[int, list[str]]]:
    """A service that answers 200, ``/slow`` after 1 s, ``/fail`` with 500: its port, and what came slow."""
    arrived: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        if request.path.startswith("/slow"):
            arrived.append(request.path)
            await asyncio.sleep(1.0)
        return web.Response(text="ok", status=500 if request.path.startswith("/fail") else 200)

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1], arrived
    finally:
        await runner.cleanup()
