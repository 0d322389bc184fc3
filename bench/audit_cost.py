"""What the access log costs: the same two gateways with and without it, under load in turns."""

import asyncio
import json
import os
import shutil
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control_plane.model.tuning import Tuning
from tests.integration.translate.envoy import Envoy, running
from tests.integration.translate.parties import parties

CONNECTIONS = 8
PIPELINED = 16  # requests that are on their way at once on each connection
SECONDS = 1.0
REQUEST = b"GET /load HTTP/1.1\r\nhost: orders.server.example\r\n\r\n"
ANSWER = b"HTTP/1.1 200"
_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def service() -> str:
    """A bootstrap that answers every request: a quick service, so that gateways are what is measured."""
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}
    manager = {
        "@type": _HCM,
        "stat_prefix": "service",
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
    }
    listener = {
        "name": "service",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    admin = {"address": {"pipe": {"path": "admin.sock"}}}
    return json.dumps({"admin": admin, "static_resources": {"listeners": [listener]}})


def without_logs(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A bootstrap without any access log."""
    if isinstance(value, dict):
        return {key: without_logs(inner) for key, inner in value.items() if key != "accessLog"}
    return [without_logs(inner) for inner in value] if isinstance(value, list) else value


async def copy_of(
    stack: AsyncExitStack, envoy: Envoy, directory: Path, ports: dict[int, int], *, logs: bool
) -> Envoy:
    """The same gateway, with or without logs; what it sends to one of ``ports`` goes to the other instead."""
    shutil.copytree(envoy.directory, directory, ignore=shutil.ignore_patterns("log", "*.sock", "*.log"))
    document = json.loads((envoy.directory / "bootstrap.json").read_text())
    text = json.dumps(document if logs else without_logs(document))
    for before, after in ports.items():
        text = text.replace(f'"portValue": {before}', f'"portValue": {after}')
    text = text.replace(str(envoy.directory), str(directory))
    return await stack.enter_async_context(running(directory, text))


async def _one(port: int, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    try:
        while time.perf_counter() < until:
            writer.write(REQUEST * PIPELINED)
            got = 0
            while got < PIPELINED:
                data = await asyncio.wait_for(reader.read(1 << 16), 10)
                if not data:
                    raise RuntimeError("expected answers, got the end of the connection")
                got += data.count(ANSWER)
            answered += got
    finally:
        writer.close()
    return answered


@dataclass(slots=True)
class Cost:
    """What one pair of gateways did: requests answered, in which time, with how much of the processor."""

    requests: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def each(self) -> float:
        """Microseconds of both Envoys' CPU time for a request."""
        return self.cpu / self.requests * 1e6


@dataclass(frozen=True, slots=True)
class Gateways:
    """A caller's and a server's Envoy, and what they have cost."""

    caller: Envoy
    server: Envoy
    cost: Cost = field(default_factory=Cost)

    def _cpu(self) -> float:
        ticks = 0
        for envoy in (self.caller, self.server):
            words = Path(f"/proc/{envoy.process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(words[11]) + int(words[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    async def load(self, seconds: float) -> None:
        """Send as much as is answered, for so long."""
        port = self.caller.ports["egress"]
        began, cpu = time.perf_counter(), self._cpu()
        answered = await asyncio.gather(*(_one(port, began + seconds) for _ in range(CONNECTIONS)))
        self.cost.requests += sum(answered)
        self.cost.seconds += time.perf_counter() - began
        self.cost.cpu += self._cpu() - cpu


async def cost_of_logging(rounds: int) -> tuple[Cost, Cost]:
    """The cost with and without logs, of turns that alternate: what disturbs one disturbs the other."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="px-")))
        both = await stack.enter_async_context(parties(Tuning(query_strings=True)))
        (directory / "service").mkdir()
        quick_one = await stack.enter_async_context(running(directory / "service", service()))
        upstream = {both.service.port: quick_one.ports["service"]}
        made = []
        for logs in (True, False):
            name = "with" if logs else "without"
            server = await copy_of(stack, both.servers[0], directory / f"{name}-s", upstream, logs=logs)
            moved = {both.servers[0].ports["ingress"]: server.ports["ingress"]}
            caller = await copy_of(stack, both.caller, directory / f"{name}-c", moved, logs=logs)
            made.append(Gateways(caller, server))
            await Gateways(caller, server).load(0.5)
        for turn in range(rounds):
            for one in made if turn % 2 == 0 else reversed(made):
                await one.load(SECONDS)
    return made[0].cost, made[1].cost
