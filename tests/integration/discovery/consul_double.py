"""An agent of Consul for tests: six endpoints over real HTTP or HTTPS, with true blocking queries.

    GET /v1/health/service/<name>?passing&index&wait&dc     PUT /v1/agent/service/register
    PUT /v1/agent/service/deregister/<id>                   PUT /v1/agent/check/pass/<id>, …/fail/<id>
    GET /v1/agent/service/<id>

It behaves as the documentation of Consul's HTTP API says. What real servers never say (nonsense, silence) is
the business of ``front.py``.
"""

import asyncio
import json
import random
import re
import ssl
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from control_plane.app.demo.organisation import free_port
from tests.integration.discovery.consul_state import CRITICAL, PASSING, Catalog

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 600.0
_DEFAULT_WAIT = 300.0


def seconds(text: str) -> float:
    """A duration as Go writes it: ``30000ms``, ``10s``, ``5m``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if match is None:
        raise web.HTTPBadRequest(text="Invalid wait time")
    return float(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True, slots=True)
class Tokens:
    """``reader`` may do everything, ``blind`` is known and may read nothing; any other is refused."""

    reader: str = ""
    blind: str = ""


class ConsulDouble:
    """A server on a loopback port; ``catalogs`` are its datacentres, the own first."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        tokens: Tokens | None = None,
        datacenters: tuple[str, ...] = ("dc1",),
    ) -> None:
        self.catalogs = {name: Catalog(name) for name in datacenters}
        self.own = self.catalogs[datacenters[0]]
        self.port = free_port()  # nobody else's while it is away
        self.questions = 0
        self._tls = tls
        self._tokens = tokens
        self._runner: web.AppRunner | None = None
        self._checks: dict[str, asyncio.Task[None]] = {}

    @property
    def address(self) -> str:
        """Its URL."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Serve; after a stop, on the same port and with what it knew."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_get("/v1/health/service/{name}", self._health)
        app.router.add_put("/v1/agent/service/register", self._register)
        app.router.add_put("/v1/agent/service/deregister/{id:.+}", self._deregister)
        app.router.add_put("/v1/agent/check/{verb:pass|fail}/{id:.+}", self._set_check)
        app.router.add_get("/v1/agent/service/{id:.+}", self._service)
        self._runner = web.AppRunner(app, shutdown_timeout=0, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls, reuse_address=True)
        await site.start()

    async def stop(self) -> None:
        """Die: every connection ends at once, whatever it waits for."""
        checks, self._checks = list(self._checks.values()), {}
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    def _authorise(self, request: web.Request) -> bool:
        """Whether the caller may see and change things. Raises for a token that is not known."""
        if self._tokens is None:
            return True
        token = request.headers.get("X-Consul-Token", "")
        if token == self._tokens.reader:
            return True
        if token and token == self._tokens.blind:
            return False
        raise web.HTTPForbidden(text="ACL not found" if token else "Permission denied")

    def _catalog(self, request: web.Request) -> Catalog:
        name = request.query.get("dc", self.own.name)
        if name not in self.catalogs:
            raise web.HTTPInternalServerError(text="No path to datacenter")
        return self.catalogs[name]

    async def _health(self, request: web.Request) -> web.Response:
        self.questions += 1
        allowed = self._authorise(request)
        catalog, name = self._catalog(request), request.match_info["name"]
        index = int(request.query.get("index", "0"))
        if index > 0:
            wait = min(seconds(request.query.get("wait", f"{_DEFAULT_WAIT:g}s")), _LONGEST)
            spread = random.random() * wait / 16  # noqa: S311 - as Consul does, no secret
            await catalog.wait(name, index, wait + spread)
        entries = catalog.entries(name, passing="passing" in request.query)
        headers = {
            "X-Consul-Index": str(catalog.index_of(name)),
            "X-Consul-KnownLeader": "true",
            "X-Consul-LastContact": "0",
        }
        if not allowed and entries:
            headers["X-Consul-Results-Filtered-By-ACLs"] = "true"
            entries = []
        return web.json_response(entries, headers=headers)

    async def _register(self, request: web.Request) -> web.Response:
        if not self._authorise(request):
            raise web.HTTPForbidden(text="Permission denied")
        # Consul takes the names of fields in any case.
        document = {name.lower(): value for name, value in json.loads(await request.read()).items()}
        if not document.get("name"):
            raise web.HTTPBadRequest(text="Missing service name")
        instance = await self.own.register(document)
        checks = document.get("checks") or ([document["check"]] if document.get("check") else [])
        for check, definition in zip(instance.checks, checks, strict=True):
            self._watch(check, {name.lower(): value for name, value in definition.items()})
        return web.Response()

    async def _deregister(self, request: web.Request) -> web.Response:
        if not self._authorise(request):
            raise web.HTTPForbidden(text="Permission denied")
        identity = request.match_info["id"]
        for check in self.own.instances[identity].checks if identity in self.own.instances else ():
            self._forget(check)
        if not await self.own.deregister(identity):
            raise web.HTTPNotFound(text=f"Unknown service ID {identity!r}")
        return web.Response()

    async def _set_check(self, request: web.Request) -> web.Response:
        if not self._authorise(request):
            raise web.HTTPForbidden(text="Permission denied")
        check = request.match_info["id"]
        state = PASSING if request.match_info["verb"] == "pass" else CRITICAL
        if not await self.own.set_check(check, state):
            raise web.HTTPNotFound(text=f"Unknown check ID {check!r}")
        running = self._checks.get(check)
        if running is not None and running.get_name().startswith("ttl "):
            self._watch(check, {"ttl": running.get_name().removeprefix("ttl ")})
        return web.Response()

    async def _service(self, request: web.Request) -> web.Response:
        identity = request.match_info["id"]
        if not self._authorise(request):
            raise web.HTTPForbidden(text="Permission denied")
        if identity not in self.own.instances:
            raise web.HTTPNotFound(text=f"unknown service ID: {identity}")
        return web.json_response(self.own.instances[identity].service)

    def _watch(self, check: str, definition: dict[str, Any]) -> None:
        """Let a check run as it is defined."""
        self._forget(check)
        if "ttl" in definition:
            running, name = self._expire(check, seconds(definition["ttl"])), f"ttl {definition['ttl']}"
        else:
            running, name = self._dial(check, definition["tcp"], seconds(definition["interval"])), "tcp"
        self._checks[check] = asyncio.create_task(running, name=name)

    def _forget(self, check: str) -> None:
        running = self._checks.pop(check, None)
        if running is not None:
            running.cancel()

    async def _expire(self, check: str, after: float) -> None:
        await asyncio.sleep(after)
        await self.own.set_check(check, CRITICAL)

    async def _dial(self, check: str, target: str, every: float) -> None:
        host, _, port = target.rpartition(":")
        while True:
            try:
                async with asyncio.timeout(every):
                    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                writer.close()
                state = PASSING
            except (OSError, TimeoutError):
                state = CRITICAL
            await self.own.set_check(check, state)
            await asyncio.sleep(every)
