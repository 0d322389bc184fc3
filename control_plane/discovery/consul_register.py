"""Our own gateways in Consul: registered with a check while we run, deregistered when we stop.

One replica does it at a time. What dies without a word is taken out by Consul: it connects to the gateway
itself (``tcp``), or hears nothing from us any more (``ttl``), and drops what is critical for long.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
from consul.check import Check

from control_plane.discovery.consul_http import Call, Consul, ConsulError, ConsulOptions
from control_plane.ports.errors import UnavailableError
from control_plane.ports.peering import Lease, Singleton

EVERY = 5.0  # seconds: register again what is not as it should be
TTL = 20.0  # seconds without a word from us after which Consul calls a gateway critical
DROPPED = "30m"  # of being critical after which Consul forgets it
STOP_WITHIN = 3.0  # seconds to deregister everything
MAX_GATEWAYS = 256
_NOT_FOUND = 404

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnService:
    """One gateway as Consul shall list it; ``alive`` is what we say of it if Consul does not look itself."""

    gateway: str
    host: str
    port: int
    meta: Mapping[str, str]
    alive: bool = field(default=True, compare=False)


@dataclass(slots=True, kw_only=True)
class Registrar:
    """``run`` is one task of its owner. ``services`` gives what shall be listed now."""

    options: ConsulOptions
    way: Literal["tcp", "ttl"]
    services: Callable[[], Awaitable[Sequence[OwnService]]]
    singleton: Singleton
    every: float = EVERY
    _listed: dict[str, OwnService] = field(default_factory=dict)  # that we know of
    _sure: set[str] = field(default_factory=set)  # that are as they should be, as far as we know
    _trouble: str = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with self.singleton.hold("consul registration") as lease:
                    await self._keep(lease)
            except UnavailableError as error:
                self._say(str(error))
            await asyncio.sleep(self.every)

    async def _keep(self, lease: Lease) -> None:
        self._listed.clear()
        self._sure.clear()
        consul: Consul | None = None
        try:
            while await lease.held():
                try:
                    consul = consul or await Consul.open(self.options)
                    await self._bring_about(consul, await self.services())
                except ConsulError as error:
                    self._sure.clear()  # an agent that was away may have forgotten everything
                    self._say(str(error))
                await asyncio.sleep(self.every)
        except asyncio.CancelledError:
            if consul is not None:
                await self._withdraw(consul)
            raise
        finally:
            if consul is not None:
                await consul.close()

    async def _bring_about(self, consul: Consul, services: Sequence[OwnService]) -> None:
        wanted = {self._id(service.gateway): service for service in services[:MAX_GATEWAYS]}
        for identity in [identity for identity in self._listed if identity not in wanted]:
            await self._deregister(consul, identity)
        for identity, service in wanted.items():
            sure = identity in self._sure and self._listed.get(identity) == service
            if not sure or not await self._is_there(consul, identity):
                self._listed[identity] = service
                await self._register(consul, identity, service)
            if self.way == "ttl":
                await self._vouch(consul, identity, service)
        self._say("")

    async def _register(self, consul: Consul, identity: str, service: OwnService) -> None:
        host = f"[{service.host}]" if ":" in service.host else service.host
        check = (
            Check.ttl(f"{TTL:g}s") if self.way == "ttl" else Check.tcp(host, service.port, "5s", timeout="3s")
        )

        def call(calls: Any, token: str) -> Any:  # noqa: ANN401 - py-consul has no types
            return calls.agent.service.register(
                self.options.service,
                service_id=identity,
                address=service.host,
                port=service.port,
                meta=dict(service.meta),
                check={**check, "DeregisterCriticalServiceAfter": DROPPED},
                token=token,
            )

        await consul.ask(call)
        self._sure.add(identity)

    async def _is_there(self, consul: Consul, identity: str) -> bool:
        """Whether the agent still knows it: it may have been replaced, or somebody took it out."""
        return await self._found(
            consul,
            # py-consul has this call too (service_definition), without a token.
            lambda calls, token: calls.http.get(
                None, f"/v1/agent/service/{identity}", headers=calls.prepare_headers(token)
            ),
        )

    async def _vouch(self, consul: Consul, identity: str, service: OwnService) -> None:
        verb = "ttl_pass" if service.alive else "ttl_fail"
        await self._found(
            consul, lambda calls, token: getattr(calls.agent.check, verb)(f"service:{identity}", token=token)
        )

    async def _deregister(self, consul: Consul, identity: str) -> None:
        await self._found(consul, lambda calls, token: calls.agent.service.deregister(identity, token=token))
        self._sure.discard(identity)
        self._listed.pop(identity, None)

    async def _found(self, consul: Consul, call: Call) -> bool:
        """Make a call about something; whether that was there."""
        try:
            await consul.ask(call)
        except ConsulError as error:
            if error.status == _NOT_FOUND:
                return False
            raise
        return True

    async def _withdraw(self, consul: Consul) -> None:
        try:
            async with asyncio.timeout(STOP_WITHIN):
                for identity in list(self._listed):
                    await self._deregister(consul, identity)
        except (ConsulError, TimeoutError) as error:
            self._say(str(error) or f"not everything was deregistered within {STOP_WITHIN:g} s")

    def _id(self, gateway: str) -> str:
        return f"{self.options.service}-{gateway}"

    def _say(self, trouble: str) -> None:
        """Once for each change, not for each round."""
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble:
                _log.warning("gateways are not registered in Consul", reason=trouble)
            else:
                _log.info("gateways are registered in Consul", gateways=sorted(self._listed))
