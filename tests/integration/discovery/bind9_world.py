"""A real bind9 as the contract suite of sources wants a place to be."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from control_plane.discovery.dns_sd import DnsOptions, DnsSd
from tests.contract.source_world import Record
from tests.integration.discovery.bind9 import NAMED, WITHOUT_BIND9, Bind9, Instance, txt_of
from tests.integration.discovery.garbage import NONSENSE, Garbage

ZONE = "luebeck.example"
HOSTILE = "a TXT record of nothing"


def published(record: Record, ttl: int = 60) -> Instance:
    """The instance that says what the record says."""
    keys = {"version": record.version, "region": record.region, "resources": ",".join(record.resources)}
    txt = txt_of(record.node_id, record.organisation, **keys)
    return Instance(label=record.node_id, address=record.host, port=record.port, txt=txt, ttl=ttl)


class Bind9World:
    """One zone, changed by signed updates."""

    rubbish = (HOSTILE, *NONSENSE)

    def __init__(self, directory: Path, *, ttl: int = 60, floor: float = 60) -> None:
        self._ttl, self._floor = ttl, floor
        self._named = Bind9(directory / "bind9", {ZONE: ""})
        self._there: dict[str, Instance] = {}
        self._stack = AsyncExitStack()
        self._garbage: Garbage | None = None

    async def start(self) -> None:
        if NAMED is None:
            pytest.skip(WITHOUT_BIND9)
        await self._stack.enter_async_context(self._named)

    async def stop(self) -> None:
        await self._end_garbage()
        await self._stack.aclose()

    async def put(self, record: Record) -> None:
        self._there[record.node_id] = published(record, self._ttl)
        await self._named.publish(ZONE, self._there[record.node_id])

    async def remove(self, node_id: str) -> None:
        del self._there[node_id]
        await self._named.withdraw(ZONE, node_id)

    async def break_off(self) -> None:
        await self._named.kill()

    async def fall_silent(self) -> None:
        self._named.freeze()

    async def spoil(self, rubbish: str) -> None:
        if rubbish == HOSTILE:
            await self._named.publish(ZONE, *(replace(one, txt=("",)) for one in self._there.values()))
            return
        await self._named.kill()
        self._garbage = await Garbage(self._named.server, NONSENSE[rubbish]).__aenter__()

    async def mend(self) -> None:
        await self._end_garbage()
        if self._named.running:
            self._named.thaw()
        else:
            await self._named.start()
        await self._named.publish(ZONE, *self._there.values())

    async def _end_garbage(self) -> None:
        if self._garbage:
            await self._garbage.__aexit__()
            self._garbage = None

    def source(self) -> DnsSd:
        return DnsSd(DnsOptions(domain=ZONE, servers=[self._named.server], floor=self._floor))
