"""The Consul source against an agent: what the contract suite does not ask of every source."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest_asyncio
from aiohttp import web

from control_plane.discovery.consul import ConsulSource
from control_plane.discovery.consul_http import ConsulOptions
from control_plane.model.sighting import Candidate
from control_plane.ports.source import Lost, Seen
from tests.contract.source_world import Reader, Record, is_lost, lists
from tests.integration.discovery.consul_double import ConsulDouble, Tokens
from tests.integration.discovery.consul_world import DoubleWorld, registration
from tests.integration.discovery.front import HEAD, answer

ONE, TWO = Record(node_id="gw-1"), Record(node_id="gw-2", host="192.0.2.8")
TOKENS = Tokens(reader="0f2d-reader", blind="77aa-blind")


@pytest_asyncio.fixture
async def world() -> AsyncIterator[DoubleWorld]:
    made = DoubleWorld()
    await made.start()
    yield made
    await made.stop()


def options(double: ConsulDouble, **changes: object) -> ConsulOptions:
    made = ConsulOptions(address=double.address)
    return replace(made, **changes)  # type: ignore[arg-type]  # by name


async def publish(double: ConsulDouble, record: Record, datacenter: str = "dc1") -> None:
    document = registration(record)
    await double.catalogs[datacenter].register({name.lower(): value for name, value in document.items()})


def secret(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


async def test_a_change_arrives_by_itself(world: DoubleWorld) -> None:
    async with Reader(world.source()) as reader:
        await reader.until(lists())
        await world.put(ONE)
        await reader.until(lists(ONE))
        await world.remove(ONE.node_id)
        await reader.until(lists())


async def test_an_instance_whose_check_fails_is_not_there(world: DoubleWorld) -> None:
    catalog = world.double.own
    document = registration(ONE, service=world.service, Checks=[{"TTL": "60s"}])
    instance = await catalog.register({name.lower(): value for name, value in document.items()})
    (check,) = instance.checks

    async with Reader(world.source()) as reader:
        await reader.until(lists())
        await catalog.set_check(check, "passing")
        await reader.until(lists(ONE))
        await catalog.set_check(check, "critical")
        await reader.until(lists())


async def test_a_server_that_died_is_lost_and_followed_again_without_anybody_asking(
    world: DoubleWorld,
) -> None:
    await world.put(ONE)

    async with Reader(world.source()) as reader:
        await reader.until(lists(ONE))
        await world.double.stop()
        await reader.until(is_lost)
        await world.double.start()
        await reader.until(lists(ONE))
        await world.put(TWO)
        await reader.until(lists(ONE, TWO))


async def test_a_waiting_question_that_is_never_answered_ends(world: DoubleWorld) -> None:
    await world.put(ONE)
    source = ConsulSource(replace(world.options(), wait=1.0, patience=0.5))

    async with Reader(source) as reader:
        await reader.until(lists(ONE))
        world.front.be_silent()
        await reader.until(is_lost)
        await world.front.be_honest()
        await reader.until(lists(ONE))


async def test_a_wait_that_ends_without_news_confirms_what_is_known(world: DoubleWorld) -> None:
    await world.put(ONE)
    source = ConsulSource(replace(world.options(), wait=0.2))

    async with Reader(source) as reader:
        first = await reader.until(lists(ONE))
        assert [await reader.next() for _ in range(3)] == [first] * 3


async def test_an_index_that_goes_back_is_not_believed_and_asked_from_the_beginning(
    world: DoubleWorld,
) -> None:
    await world.put(ONE)
    source = ConsulSource(replace(world.options(), wait=1.0))

    async with Reader(source) as reader:
        truth = await reader.until(lists(ONE))
        await world.front.lie(answer(b"[]", HEAD.replace(b"Index: 7", b"Index: 2")))
        lost = await reader.until(lambda report: isinstance(report, Lost) and "index" in report.reason)
        assert is_lost(lost)
        await world.mend()
        assert await reader.until(lists(ONE)) == truth


async def test_an_index_that_rises_without_end_does_not_make_us_ask_without_end(world: DoubleWorld) -> None:
    await world.put(ONE)
    double = world.double

    async def stir() -> None:
        while True:
            await double.own.stir(world.service)
            await asyncio.sleep(0)

    async with Reader(world.source()) as reader:
        await reader.until(lists(ONE))
        stirring = asyncio.create_task(stir())
        before = double.questions
        await asyncio.sleep(0.5)
        asked = double.questions - before
        stirring.cancel()
        await asyncio.gather(stirring, return_exceptions=True)

    assert asked <= 10  # one each 0.05 s at most, and ever fewer


async def test_each_datacentre_is_a_source_of_its_own() -> None:
    async with ConsulDouble(datacenters=("dc1", "dc2")) as double:
        await publish(double, ONE)
        await publish(double, replace(TWO, region=""), "dc2")
        near, far, nowhere = (ConsulSource(options(double, datacenter=name)) for name in ("", "dc2", "dc3"))

        async with Reader(near) as first, Reader(far) as second, Reader(nowhere) as third:
            await first.until(lists(ONE))
            await second.until(lists(replace(TWO, region="dc2")))
            await third.until(is_lost)

    assert [source.name for source in (near, far, nowhere)] == ["consul", "consul:dc2", "consul:dc3"]


async def test_the_token_is_read_from_its_file_whenever_it_is_needed(tmp_path: Path) -> None:
    file = secret(tmp_path / "token", "wrong")
    async with ConsulDouble(tokens=TOKENS) as double:
        await publish(double, ONE)
        source = ConsulSource(options(double, token_file=file))

        async with Reader(source) as reader:
            refused = await reader.next()
            secret(file, TOKENS.reader)
            await reader.until(lists(ONE))
            secret(file, TOKENS.blind)
            source.look()
            blind = await reader.until(is_lost)
            file.chmod(0o644)
            source.look()
            open_to_all = await reader.until(lambda report: report != blind)

    assert refused == Lost("the token was refused, or may not do this (403)")
    assert "service:read" in str(blind)
    assert "chmod 600" in str(open_to_all)
    assert not [said for said in (refused, blind, open_to_all) if "wrong" in str(said) or "77aa" in str(said)]


async def test_the_token_goes_nowhere_else_not_even_after_a_redirect(tmp_path: Path) -> None:
    heard: list[str] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.json_response([], headers={"X-Consul-Index": "9"})

    runner = web.AppRunner(elsewhere := web.Application(), shutdown_timeout=0)
    elsewhere.router.add_route("*", "/{path:.*}", listen)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    world = DoubleWorld()
    await world.start()
    location = f"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:{port}/\r\n".encode()
    await world.front.lie(answer(b"", location))
    token = secret(tmp_path / "token", TOKENS.reader)

    async with Reader(ConsulSource(replace(world.options(), token_file=token))) as reader:
        report = await reader.next()

    await world.stop()
    await runner.cleanup()
    assert "redirect" in str(report)
    assert heard == []


async def test_many_instances_are_seen_without_holding_up_the_loop() -> None:
    async with ConsulDouble() as double:
        for number in range(2000):
            await publish(double, Record(node_id=f"gw-{number}"))

        async with Reader(ConsulSource(options(double, patience=10.0))) as reader:
            report = await reader.next()

    assert isinstance(report, Seen)
    assert len(report.candidates) == 2000
    assert len(set(map(_key, report.candidates))) == 2000


def _key(candidate: Candidate) -> str:
    return candidate.node_id


async def test_what_the_double_says_of_itself_is_what_an_agent_would() -> None:
    async with ConsulDouble() as double, aiohttp.ClientSession(double.address) as session:
        await session.put("/v1/agent/service/register", data=json.dumps(registration(ONE)))
        async with session.get("/v1/health/service/proxenia?passing") as now:
            index = int(now.headers["X-Consul-Index"])
            (entry,) = await now.json()
        waiting = asyncio.create_task(
            session.get(f"/v1/health/service/proxenia?passing&index={index}&wait=60s")
        )
        await session.put("/v1/agent/service/register", data=json.dumps(registration(TWO)))
        async with await waiting as later:
            both = await later.json()
        ahead = f"/v1/health/service/proxenia?index={index + 100}&wait=100ms"
        began = asyncio.get_running_loop().time()
        async with session.get(ahead) as late:
            assert len(await late.json()) == 2
        waited = asyncio.get_running_loop().time() - began

    assert entry["Service"]["Meta"]["node"] == "gw-1"
    assert len(both) == 2
    assert int(later.headers["X-Consul-Index"]) > index
    assert waited >= 0.1  # an index from the future waits all the time, as the real one does
