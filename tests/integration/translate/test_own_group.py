"""A group in which our own service is asked where we stand: before partners, between or behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from control_plane.model.group import Group
from control_plane.model.identity import ResourceName, TrustDomain
from control_plane.model.tuning import Tuning
from tests.integration.translate.parties import (
    CALLER,
    OTHER,
    SERVER,
    Cast,
    Parties,
    Service,
    parties,
    serving,
)

pytestmark = pytest.mark.integration
HOST = "orders.caller.example"
TUNING = Tuning(circuit_open=1, circuit_interval=0.2)


@dataclass(frozen=True)
class Home:
    """All parties, and the service behind ourselves, which can be ended."""

    both: Parties
    service: Service
    end: AsyncExitStack

    async def ask(self, times: int = 1, method: str = "GET") -> list[int]:
        """The statuses of so many requests to the group."""
        statuses = []
        for _ in range(times):
            async with self.both.session.request(
                method, self.both.url("/x"), headers={"Host": HOST}
            ) as answer:
                await answer.read()
                statuses.append(answer.status)
        return statuses


@asynccontextmanager
async def home(*members: TrustDomain, offered: bool = True) -> AsyncIterator[Home]:
    async with AsyncExitStack() as end:
        service = Service()
        ports: Sequence[int] = [await end.enter_async_context(serving(service))] if offered else []
        group = Group(ResourceName("orders"), CALLER, members)
        others = int(OTHER in members)
        async with parties(TUNING, cast=Cast(others=others, more=[group], own={"orders": ports})) as both:
            yield Home(both, service, end)


async def test_our_own_service_is_asked_first_and_again_when_its_circuit_closes() -> None:
    async with home(CALLER, SERVER) as ours:
        first = await ours.ask(5)
        partner_s, (seen, *_) = len(ours.both.service.seen), ours.service.seen
        ours.service.status = 500
        failures = await ours.ask(5, "POST")
        instead = await _until(ours, lambda: bool(ours.both.service.seen))
        ours.service.status, reached = 200, len(ours.service.seen)
        again = await _until(ours, lambda: len(ours.service.seen) > reached)
        asked = [
            (await ours.both.caller.line("access", target_node=target))["resource"]
            for target in (CALLER, "node-0@server.example")
        ]

    assert (set(first), partner_s, seen["host"]) == ({200}, 0, HOST)
    assert not {"x-forwarded-client-cert", "x-proxenia-cluster"} & seen.keys()
    assert failures == [500] * 5
    assert instead in ({200}, {200, 500})  # a sixth may come before Envoy has drawn its conclusion
    assert again == {200}
    assert ours.both.service.seen[0]["host"] == "orders.server.example"
    assert "spiffe://caller.example/gateway/gw" in ours.both.service.seen[0]["x-forwarded-client-cert"]
    assert asked == ["orders@caller.example"] * 2


async def _until(ours: Home, done: Callable[[], bool]) -> set[int]:
    """The statuses of requests until it is so."""
    statuses: set[int] = set()
    async with asyncio.timeout(10):
        while not done():
            statuses.update(await ours.ask())
            await asyncio.sleep(0.05)
    return statuses


async def test_between_partners_it_stands_in_for_the_one_before_and_the_one_behind_for_it() -> None:
    async with home(SERVER, CALLER, OTHER) as ours:
        first = await ours.ask(3)
        by_server = len(ours.both.service.seen)
        ours.both.servers[0].kill()
        second = await ours.ask(20)
        by_ourselves = len(ours.service.seen)
        await ours.end.aclose()
        third = await ours.ask(20)
        by_other = {seen["host"] for seen in ours.both.service.seen[by_server:]}
        ours.both.others[0].kill()
        (nobody,) = await ours.ask(1, "POST")

    assert (set(first), by_server) == ({200}, 3)
    assert (set(second), by_ourselves) == ({200}, 20)
    assert (set(third), by_other) == ({200}, {"orders.other.example"})
    assert nobody == 503


async def test_without_an_upstream_of_ours_the_partner_is_asked() -> None:
    async with home(CALLER, SERVER, offered=False) as ours:
        statuses = await ours.ask(3)

    assert set(statuses) == {200}
    assert {seen["host"] for seen in ours.both.service.seen} == {"orders.server.example"}
