"""Consul as a place for the contract suite: the double of this folder, or the real agent that is named.

``CONSUL_BIN`` names a binary, which is started with ``agent -dev``; ``CONSUL_HTTP_ADDR`` an agent that runs.
"""

import asyncio
import os
from pathlib import Path
from uuid import uuid4

import aiohttp

from control_plane.app.demo.organisation import free_port
from control_plane.discovery.consul import ConsulSource
from control_plane.discovery.consul_http import ConsulOptions
from control_plane.ports.source import Source
from tests.contract.source_world import Record
from tests.integration.discovery.consul_double import ConsulDouble
from tests.integration.discovery.front import HEAD, Front, answer

WAIT = 120.0  # seconds: no blocking query of a test ends by itself
_UP_WITHIN = 20.0
RUBBISH = {
    "a page for people": answer(
        b"<html><body>Welcome</body></html>", HEAD.replace(b"application/json", b"text/html")
    ),
    "a redirect": answer(b"", b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\n"),
    "too much": answer(b'["' + bytes(50 << 20).replace(b"\0", b"x") + b'"]'),
    "no index": answer(b"[]", b"HTTP/1.1 200 OK\r\n"),
    "half of an answer": HEAD + b"Content-Length: 500\r\n\r\n[{",
    "no HTTP": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "an object": answer(b'{"Service": []}'),
    "instances that are none": answer(
        b'[1, null, {}, {"Service": 7}, {"Service": {"ID": [], "Meta": {"a": 1}}}]'
    ),
    "depth": answer(b"[" * 100_000),
    "a large number": answer(b'[{"Service": {"ID": "x", "Port": ' + b"9" * 10_000 + b"}}]"),
    "a member twice": answer(b'[{"Service": {}, "Service": {}}]'),
    "other bytes": answer(b'["\xff\xfe"]'),
    "a compressed body": answer(b"\x1f\x8b\x08", HEAD + b"Content-Encoding: gzip\r\n"),
    "no leader": answer(b"[]", HEAD + b"X-Consul-KnownLeader: false\r\n"),
    "what the token may not see": answer(b"[]", HEAD + b"X-Consul-Results-Filtered-By-ACLs: true\r\n"),
    "no permission": answer(b"Permission denied", b"HTTP/1.1 403 Forbidden\r\n"),
    "trouble": answer(b"No cluster leader", b"HTTP/1.1 500 Internal Server Error\r\n"),
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 20_000,
}


def registration(record: Record, *, service: str = "proxenia", **more: object) -> dict[str, object]:
    """What a gateway of a partner registers."""
    return {
        "Name": service,
        "ID": f"{service}-{record.node_id}",
        "Address": record.host,
        "Port": record.port,
        "Meta": {
            "node": record.node_id,
            "org": record.organisation,
            "spiffe": record.spiffe_id,
            "version": record.version,
            "region": record.region,
            "resources": ",".join(record.resources),
        },
        **more,
    }


class ConsulWorld:
    """Implements World: an agent, and a front before it that breaks off and lies."""

    rubbish = tuple(RUBBISH)

    def __init__(self) -> None:
        self.service = f"proxenia-{uuid4().hex[:12]}"  # a real agent may serve others too
        self.agent = ""
        self.front: Front
        self._session: aiohttp.ClientSession
        self._ours: set[str] = set()

    async def start_agent(self) -> str:
        """Start the agent; its address."""
        raise NotImplementedError

    async def stop_agent(self) -> None:
        """End what was started."""

    async def start(self) -> None:
        self.agent = await self.start_agent()
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
        self.front = Front(self.agent)
        await self.front.start()

    async def stop(self) -> None:
        await self.front.stop()
        for identity in list(self._ours):
            await self._put(f"/v1/agent/service/deregister/{identity}")
        await self._session.close()
        await self.stop_agent()

    async def put(self, record: Record) -> None:
        document = registration(record, service=self.service)
        self._ours.add(str(document["ID"]))
        await self._put("/v1/agent/service/register", document)

    async def remove(self, node_id: str) -> None:
        identity = f"{self.service}-{node_id}"
        await self._put(f"/v1/agent/service/deregister/{identity}")
        self._ours.discard(identity)

    async def _put(self, path: str, document: object = None) -> None:
        async with self._session.put(self.agent + path, json=document) as response:
            assert response.status == 200, await response.text()

    async def break_off(self) -> None:
        await self.front.stop()

    async def fall_silent(self) -> None:
        self.front.be_silent()

    async def spoil(self, rubbish: str) -> None:
        await self.front.lie(RUBBISH[rubbish])

    async def mend(self) -> None:
        await self.front.be_honest()

    def options(self) -> ConsulOptions:
        """How the agent is asked through the front."""
        return ConsulOptions(address=self.front.address, service=self.service, wait=WAIT)

    def source(self) -> Source:
        return ConsulSource(self.options())


class DoubleWorld(ConsulWorld):
    """The double."""

    def __init__(self) -> None:
        super().__init__()
        self.double = ConsulDouble()

    async def start_agent(self) -> str:
        await self.double.start()
        return self.double.address

    async def stop_agent(self) -> None:
        await self.double.stop()


class AgentWorld(ConsulWorld):
    """A real agent: that of CONSUL_HTTP_ADDR, or one that is started from CONSUL_BIN."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None

    async def start_agent(self) -> str:
        given = os.environ.get("CONSUL_HTTP_ADDR", "")
        if given:
            return given if "//" in given else f"http://{given}"
        port = free_port()
        others = [f"-{name}=-1" for name in ("dns-port", "grpc-port", "grpc-tls-port", "https-port")]
        self._process = await asyncio.create_subprocess_exec(
            os.environ["CONSUL_BIN"],
            *("agent", "-dev", "-bind=127.0.0.1", "-client=127.0.0.1", f"-http-port={port}", *others),
            cwd=self._directory,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        address = f"http://127.0.0.1:{port}"
        await _answers(address)
        return address

    async def stop_agent(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()


async def _answers(address: str) -> None:
    """Wait for a leader."""
    async with asyncio.timeout(_UP_WITHIN), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{address}/v1/status/leader") as response:
                    if response.status == 200 and await response.json():
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


def real_agent_is_named() -> bool:
    """Whether the tests have a real agent."""
    return bool(os.environ.get("CONSUL_BIN") or os.environ.get("CONSUL_HTTP_ADDR"))
