"""A real avahi-daemon as the contract suite of sources wants a place to be."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from control_plane.discovery.mdns import Mdns, MdnsOptions
from tests.contract.source_world import Record
from tests.integration.discovery.avahi import Avahi, Link, why_not
from tests.integration.discovery.bind9 import Instance
from tests.integration.discovery.bind9_world import published

RUBBISH = {
    "a TXT record of nothing": ("",),
    "a TXT record that is too long": tuple(f"key{number}={'x' * 200}" for number in range(6)),
    "the keys of somebody else": ("path=/", "path=/other"),
}


class AvahiWorld:
    """One link with one responder."""

    rubbish = tuple(RUBBISH)

    def __init__(self, directory: Path) -> None:
        self._link = Link()
        self._avahi = Avahi(directory / "avahi", self._link)
        self._there: dict[str, Instance] = {}
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        if why_not():
            pytest.skip(why_not())
        await self._stack.enter_async_context(self._link)
        await self._stack.enter_async_context(self._avahi)

    async def stop(self) -> None:
        await self._stack.aclose()

    async def put(self, record: Record) -> None:
        self._there[record.node_id] = published(record)
        self._avahi.publish(self._there[record.node_id])

    async def remove(self, node_id: str) -> None:
        del self._there[node_id]
        self._avahi.withdraw(node_id)

    async def break_off(self) -> None:
        await self._link.down()

    async def fall_silent(self) -> None:
        await self._link.down()  # a link asks nothing of anybody in particular: silence is an empty one

    async def spoil(self, rubbish: str) -> None:
        self._avahi.publish(*(replace(one, txt=RUBBISH[rubbish]) for one in self._there.values()))

    async def mend(self) -> None:
        await self._link.up()
        self._avahi.publish(*self._there.values())

    def source(self) -> Mdns:
        return Mdns(MdnsOptions(interface=self._link.name))
