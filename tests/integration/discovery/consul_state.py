"""What an agent of Consul knows: services, their checks, and the index at which each changed.

As Consul does it: one index for everything that is written; a query's index is that of the last change of
what it is about; the removal of a service counts as a change of it.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

PASSING, CRITICAL = "passing", "critical"


@dataclass(slots=True)
class Instance:
    """One registered service; ``checks`` are states by check id."""

    service: dict[str, Any]
    checks: dict[str, str] = field(default_factory=dict)

    @property
    def passing(self) -> bool:
        """Whether every check passes; without any, it does."""
        return all(state == PASSING for state in self.checks.values())


class Catalog:
    """One datacentre."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.instances: dict[str, Instance] = {}
        self._index = 10
        self._changed: dict[str, int] = {}
        self._news = asyncio.Condition()

    async def register(self, document: dict[str, Any]) -> Instance:
        """Add or replace a service; TTL and TCP checks begin critical."""
        identity = document.get("id") or document["name"]
        service = {
            "ID": identity,
            "Service": document["name"],
            "Tags": document.get("tags") or [],
            "Address": document.get("address", ""),
            "Port": document.get("port", 0),
            "Meta": document.get("meta") or {},
            "Weights": document.get("weights") or {"Passing": 1, "Warning": 1},
        }
        checks = document.get("checks") or ([document["check"]] if document.get("check") else [])
        many = len(checks) > 1
        states = {
            f"service:{identity}:{number}" if many else f"service:{identity}": CRITICAL
            for number in range(1, len(checks) + 1)
        }
        before = self.instances.get(identity)
        if before is not None:
            states = {check: before.checks.get(check, state) for check, state in states.items()}
        instance = Instance(service, states)
        if before is None or (before.service, before.checks) != (service, states):
            self.instances[identity] = instance
            await self.stir(document["name"])
        return self.instances[identity]

    async def deregister(self, identity: str) -> bool:
        """Remove a service."""
        gone = self.instances.pop(identity, None)
        if gone is not None:
            await self.stir(gone.service["Service"])
        return gone is not None

    async def set_check(self, check: str, state: str) -> bool:
        """Whether there is such a check."""
        for instance in self.instances.values():
            if check in instance.checks:
                if instance.checks[check] != state:
                    instance.checks[check] = state
                    await self.stir(instance.service["Service"])
                return True
        return False

    async def stir(self, name: str) -> None:
        """Count a change of the service, whether or not anything differs."""
        async with self._news:
            self._index += 1
            self._changed[name] = self._index
            self._news.notify_all()

    def index_of(self, name: str) -> int:
        """The index of the last change."""
        return self._changed.get(name, 1)

    async def wait(self, name: str, index: int, seconds: float) -> None:
        """Until the service's index is beyond ``index``; an index from the future waits all the time."""
        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: self.index_of(name) > index)
        except TimeoutError:
            return

    def entries(self, name: str, *, passing: bool) -> list[dict[str, Any]]:
        """What the health endpoint lists."""
        return [
            {
                "Node": {"ID": "", "Node": "agent-1", "Address": "127.0.0.1", "Datacenter": self.name},
                "Service": instance.service,
                "Checks": [
                    {"Node": "agent-1", "CheckID": check, "Status": state, "ServiceName": name}
                    for check, state in instance.checks.items()
                ],
            }
            for instance in self.instances.values()
            if instance.service["Service"] == name and (instance.passing or not passing)
        ]
