"""Our gateways in Consul: there while we run and they live, gone when we stop."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from control_plane.discovery.consul import ConsulSource
from control_plane.discovery.consul_http import ConsulOptions
from control_plane.discovery.consul_register import OwnService, Registrar
from tests.contract.source_world import Reader, Record, lists
from tests.fakes.peering import FakeSingleton
from tests.integration.discovery.consul_double import ConsulDouble

OURS = Record(node_id="gw-1", organisation="bergen.example", host="127.0.0.1", region="dc1", resources=())
OTHER = replace(OURS, node_id="gw-2")
WITHIN = 10.0


class Gateways:
    """What a test says that we run."""

    def __init__(self, *records: Record) -> None:
        self.records = list(records)
        self.alive = True

    async def __call__(self) -> Sequence[OwnService]:
        return [
            OwnService(
                gateway=record.node_id,
                host=record.host,
                port=record.port,
                meta={
                    "org": record.organisation,
                    "spiffe": record.spiffe_id,
                    "node": record.node_id,
                    "version": record.version,
                },
                alive=self.alive,
            )
            for record in self.records
        ]


@asynccontextmanager
async def registering(
    double: ConsulDouble, gateways: Gateways, way: str
) -> AsyncIterator[asyncio.Task[None]]:
    registrar = Registrar(
        options=ConsulOptions(address=double.address),
        way="ttl" if way == "ttl" else "tcp",
        services=gateways,
        singleton=FakeSingleton(),
        every=0.05,
    )
    task = asyncio.create_task(registrar.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def registered(double: ConsulDouble) -> None:
    """Wait until there is something."""
    catalog = double.own
    while not catalog.instances:
        await catalog.wait("proxenia", catalog.index_of("proxenia"), WITHIN)


def source(double: ConsulDouble) -> ConsulSource:
    return ConsulSource(ConsulOptions(address=double.address, wait=5.0))


async def test_a_gateway_that_takes_connections_is_there_until_we_stop() -> None:
    listening = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    ours = replace(OURS, port=listening.sockets[0].getsockname()[1])
    async with listening, ConsulDouble() as double, Reader(source(double)) as reader:
        async with registering(double, Gateways(ours), "tcp"):
            await reader.until(lists(ours))
            assert set(double.own.instances) == {"proxenia-gw-1"}
        await reader.until(lists())

        assert double.own.instances == {}


async def test_a_gateway_that_takes_no_connections_is_registered_and_not_passing() -> None:
    async with ConsulDouble() as double, registering(double, Gateways(replace(OURS, port=1)), "tcp"):
        await registered(double)
        await asyncio.sleep(0.1)

        assert double.own.entries("proxenia", passing=True) == []


async def test_we_vouch_for_a_gateway_as_long_as_it_is_connected() -> None:
    gateways = Gateways(OURS)
    async with (
        ConsulDouble() as double,
        Reader(source(double)) as reader,
        registering(double, gateways, "ttl"),
    ):
        await reader.until(lists(OURS))
        gateways.alive = False
        await reader.until(lists())
        gateways.alive = True
        await reader.until(lists(OURS))


async def test_gateways_come_and_go() -> None:
    gateways = Gateways(OURS)
    async with (
        ConsulDouble() as double,
        Reader(source(double)) as reader,
        registering(double, gateways, "ttl"),
    ):
        await reader.until(lists(OURS))
        gateways.records = [replace(OURS, port=9443), OTHER]
        await reader.until(lists(replace(OURS, port=9443), OTHER))
        gateways.records = [OTHER]
        await reader.until(lists(OTHER))


@pytest.mark.parametrize("way", ["ttl", "tcp"])
async def test_an_agent_that_was_away_or_forgot_is_told_again(way: str) -> None:
    listening = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    ours = replace(OURS, port=listening.sockets[0].getsockname()[1])
    double = ConsulDouble()
    await double.start()
    await double.stop()

    async with listening, registering(double, Gateways(ours), way):
        await asyncio.sleep(0.2)
        await double.start()
        async with Reader(source(double)) as reader:
            await reader.until(lists(ours))
            await double.stop()
            await double.own.deregister("proxenia-gw-1")
            await asyncio.sleep(0.2)
            await double.start()
            await reader.until(lists(ours))
    await double.stop()


@pytest.mark.alone
async def test_stopping_does_not_wait_for_an_agent_that_is_away() -> None:
    double = ConsulDouble()
    await double.start()
    loop = asyncio.get_running_loop()
    async with registering(double, Gateways(OURS), "ttl") as task:
        await registered(double)
        await double.stop()
        began = loop.time()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert loop.time() - began < 4.0
