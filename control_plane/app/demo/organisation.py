"""One organisation of the demo: its processes, its admin API, and its applications' way out."""

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp

from control_plane.app.children import Child, Command
from control_plane.app.up import CONTROL_PLANE, GATEWAY
from control_plane.gateway.envoy_admin import EnvoyAdmin
from control_plane.gateway.processes import find
from control_plane.model.identity import TrustDomain

T = TypeVar("T")

BOOTSTRAP = "bootstrap.json"  # the argument by which an agent knows its Envoy
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 12_000  # below it, services of the machine may come
_GIVEN = count(secrets.randbelow(1 << 16))  # another process begins elsewhere
START_WITHIN = 60.0  # seconds; a laptop needs about five


def free_port() -> int:
    """A loopback port that was free a moment ago.

    Not one of those that the kernel gives to outgoing connections: any of our many could take it meanwhile.
    And the next one every time: what was given is often bound much later.
    """
    outgoing = int(_OUTGOING.read_text(encoding="ascii").split()[0])
    for _ in range(1_000):
        port = _LOWEST + next(_GIVEN) % (outgoing - _LOWEST) if outgoing > _LOWEST else 0
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            bound: int = probe.getsockname()[1]
            return bound
    raise DemoError("expected a free loopback port, got a thousand that are taken")


class DemoError(Exception):
    """Something in the demo did not happen as it must."""


async def eventually(what: str, probe: Callable[[], Awaitable[T]], *, within: float = 15.0) -> T:
    """Ask ``probe`` until it answers something true; DemoError naming ``what`` when it never does."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        answer = await probe()
        if answer:
            return answer
        if asyncio.get_running_loop().time() > deadline:
            message = f"expected {what} within {within:g} s"
            raise DemoError(message)
        await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Site:
    """Where one gateway of the organisation listens."""

    gateway_id: str
    ingress: int = field(default_factory=free_port)
    egress: int = field(default_factory=free_port)
    more: Mapping[str, str] = field(default_factory=dict)  # settings of its own


class Organisation:
    """``proxenia up`` with the first site, ``proxenia gateway run`` for each further one."""

    def __init__(
        self, trust_domain: str, directory: Path, *, sites: int, settings: Mapping[str, str] | None = None
    ) -> None:
        self.trust_domain = TrustDomain(trust_domain)
        self.name = trust_domain.partition(".")[0]
        self.state_dir = directory / self.name
        self.sites = [Site(f"{self.name}-{number}") for number in range(1, sites + 1)]
        self._settings = settings or {}
        self._children: dict[str, asyncio.Task[None]] = {}
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self.state_dir.mkdir(mode=0o711)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(self.state_dir / "run" / "admin.sock")),
            timeout=aiohttp.ClientTimeout(total=60),
        )
        self._start("up", self.sites[0], "up")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._http:
            await self._http.close()
        # Further gateways first: they need the control plane to hand over their last audit rows.
        for name in sorted(self._children, key=lambda child: child == "up"):
            await self._end(name)

    def _start(self, name: str, site: Site, *verb: str) -> None:
        settings = {
            "PROXENIA_STATE_DIR": str(self.state_dir),
            "PROXENIA_TRUST_DOMAIN": self.trust_domain,
            "PROXENIA_GATEWAY_ID": site.gateway_id,
            "PROXENIA_INGRESS_LISTEN": f"127.0.0.1:{site.ingress}",
            "PROXENIA_EGRESS_LISTEN": f"127.0.0.1:{site.egress}",
            "PROXENIA_CIRCUIT_OPEN_SECONDS": "2",  # 30 by default: nobody wants to watch that
            "PROXENIA_DRAIN_SECONDS": "0.5",
            "PROXENIA_RATE_LIMITS": "observed",  # more requests in seconds than a partner has in an hour
            "PROXENIA_ENVOY_CONCURRENCY": "1",
            **self._settings,
            **site.more,
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PROXENIA_")}
        command = Command(
            name=f"{self.name} {name}",
            argv=[sys.executable, "-m", "control_plane", *verb],
            environment={**kept, **settings},
            pid_file=self.state_dir / f"{name}.pid",
            log_file=self.state_dir / f"{name}.log",
            stop_within=60,
        )
        self._children[name] = asyncio.create_task(Child(command).run(), name=command.name)

    async def _end(self, name: str) -> None:
        task = self._children.pop(name)
        task.cancel()
        await asyncio.wait([task])

    async def ready(self) -> None:
        """Wait for the control plane, then start the further gateways and wait for every delivery."""
        await eventually(
            f"{self.name}'s control plane to be ready", self._control_plane_ready, within=START_WITHIN
        )
        for site in self.sites[1:]:
            self.start_site(site)
        await self.connected()

    async def connected(self) -> None:
        """Wait until every gateway is."""
        await eventually(f"{self.name}'s gateways to be connected", self._gateways_ready, within=START_WITHIN)

    async def ready_again(self) -> None:
        """Wait until a killed control plane has been started again and answers."""
        await eventually(
            f"{self.name}'s control plane to be back", self._control_plane_ready, within=START_WITHIN
        )

    async def stop(self, name: str = "up") -> None:
        """End one of its supervised processes in order, with all that belongs to it."""
        await self._end(name)

    def start(self, name: str = "up") -> None:
        """Start it again."""
        self._start(name, self.sites[0], name)

    def start_site(self, site: Site) -> None:
        """Start a further gateway (again)."""
        self._start(site.gateway_id, site, "gateway", "run")

    async def kill_site(self, site: Site) -> None:
        """Take a further gateway's power away: agent and Envoy at once, without a word."""
        agent = self._pid(self.state_dir / f"{site.gateway_id}.pid")
        envoy = self.envoy_pid(site)
        task = self._children.pop(site.gateway_id)
        # Cancelling would end the agent politely: it must be dead before its supervisor hears of it.
        os.kill(agent, signal.SIGKILL)
        os.kill(envoy, signal.SIGKILL)
        task.cancel()
        await asyncio.wait([task])

    async def kill_all(self) -> None:
        """``kill -9`` of ``proxenia up``: control plane and agent end, and Envoy stays, alone."""
        task = self._children.pop("up")
        os.kill(self._pid(self.state_dir / "up.pid"), signal.SIGKILL)
        task.cancel()
        await asyncio.wait([task])

    def kill(self, process: str) -> None:
        """``kill -9`` of the control plane, the first gateway's agent or PostgreSQL."""
        os.kill(self._pid(self.state_dir / "run" / f"{process}.pid"), signal.SIGKILL)

    def kill_control_plane(self) -> None:
        """``kill -9`` of the control plane; its supervisor starts it again."""
        self.kill(CONTROL_PLANE)

    def kill_agent(self) -> None:
        """``kill -9`` of the first gateway's agent; Envoy goes on."""
        self.kill(GATEWAY)

    def envoy_pid(self, site: Site) -> int:
        """The one Envoy that runs in the site's working directory; DemoError when it is not one."""
        directory = (self.state_dir / "gateway" / site.gateway_id).resolve()
        found = find(directory, BOOTSTRAP)
        if len(found) != 1:
            message = f"expected one Envoy in {directory}, got {len(found)}"
            raise DemoError(message)
        return found[0].pid

    async def stat(self, names: str, site: Site | None = None) -> int:
        """The sum of one Envoy's counters and gauges with such ``names``, a regular expression."""
        directory = self.state_dir / "gateway" / (site or self.sites[0]).gateway_id
        text = await EnvoyAdmin(directory / "run" / "admin.sock").read(f"/stats?filter={quote(names)}")
        return sum(int(line.rpartition(": ")[2]) for line in text.splitlines() if line)

    @staticmethod
    def _pid(path: Path) -> int:
        return int(path.read_text(encoding="ascii").split()[0])

    async def _control_plane_ready(self) -> bool:
        try:
            await self.get("/readyz", api=False)
        except (aiohttp.ClientError, DemoError, OSError):
            return False
        return True

    async def _gateways_ready(self) -> bool:
        gateways = (await self.get("/federation/gateways"))["items"]
        return len(gateways) == len(self.sites) and all(gateway["connected"] for gateway in gateways)

    async def get(self, path: str, *, api: bool = True, **query: str) -> dict[str, Any]:
        """Read from the admin API."""
        return await self._call("GET", path, {"params": query}, api=api)

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write through the admin API."""
        return await self._call("POST", path, {"json": body})

    async def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an object."""
        return await self._call("PUT", path, {"json": body})

    async def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change a part of an object."""
        return await self._call("PATCH", path, {"json": body})

    async def bulk(self, path: str, lines: str) -> dict[str, Any]:
        """Upsert many objects at once, one JSON document a line."""
        kind = {"content-type": "application/x-ndjson"}
        return await self._call("POST", path, {"data": lines.encode(), "headers": kind})

    async def _call(
        self, method: str, path: str, request: dict[str, Any], *, api: bool = True
    ) -> dict[str, Any]:
        if self._http is None:
            message = f"{self.name} is not running"
            raise DemoError(message)
        url = f"http://localhost{'/api/v1' if api else ''}{path}"
        async with self._http.request(method, url, **request) as answer:
            text = await answer.text()
            if not answer.ok:
                message = f"{self.name}: {method} {path} answered {answer.status}: {text[:300]}"
                raise DemoError(message)
            document: dict[str, Any] = await answer.json()
            return document
