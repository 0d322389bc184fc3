"""Budgets of callers, in real time, with one gateway and with two."""

import asyncio
import time

import pytest

from control_plane.model.tuning import Tuning
from tests.integration.translate.parties import Cast, Parties, parties

pytestmark = pytest.mark.integration

ASKED = 0.004  # seconds between two requests: far more than any budget allows


async def passed(both: Parties, seconds: float) -> tuple[int, float, float]:
    """How many requests got through until nothing was left, and in how long: at least, at most.

    The time of a budget is that between two decisions of Envoy's, each of which is made while we wait.
    """
    await both.get("/", host="secret.server.example")  # costs nothing, and opens the connections
    began, first, count, status = time.monotonic(), 0.0, 0, 200
    while status == 200 or time.monotonic() - began < seconds:
        sent = time.monotonic()
        status, _ = await both.get("/")
        last = time.monotonic()
        first = first or last
        assert status in {200, 429}
        count += status == 200
        await asyncio.sleep(ASKED)
    return count, sent - first, last - began


async def test_a_budget_holds_its_burst_and_what_its_hour_brings() -> None:
    async with parties(Tuning(), cast=Cast(rate=36_000)) as both:
        count, least, most = await passed(both, 8)

    assert 50 + least * 10 - 3 <= count <= 50 + most * 10 + 3


async def test_who_is_over_the_limit_is_told_so_and_how_much_is_left_before() -> None:
    async with parties(Tuning(burst=3), cast=Cast(rate=60)) as both:
        url, headers = both.url("/"), {"Host": "orders.server.example"}
        answers = []
        for _ in range(5):
            async with both.session.get(url, headers=headers) as answer:
                answers.append((answer.status, answer.headers.get("x-ratelimit-remaining")))
                retry_after = answer.headers.get("retry-after")

    assert answers == [(200, "2"), (200, "1"), (200, "0"), (429, "0"), (429, "0")]
    assert retry_after == "1"


async def test_a_caller_may_ask_for_its_own_budget() -> None:
    async with parties(Tuning(burst=3), cast=Cast(rate=3_600)) as both:
        url = both.url("/.well-known/proxenia-budget")
        async with both.session.get(url, headers={"Host": "secret.server.example"}) as answer:
            status, left = answer.status, answer.headers["x-ratelimit-remaining"]

    assert (status, left) == (200, "2")
    assert both.service.seen == []


async def test_what_is_denied_costs_nothing() -> None:
    async with parties(Tuning(burst=2), cast=Cast(rate=60)) as both:
        denied = [(await both.get("/", host="secret.server.example"))[0] for _ in range(5)]
        allowed = [(await both.get("/"))[0] for _ in range(3)]

    assert denied == [403] * 5
    assert allowed == [200, 200, 429]


async def test_limits_that_are_not_enforced_are_counted() -> None:
    async with parties(Tuning(burst=2, limits_enforced=False), cast=Cast(rate=60)) as both:
        statuses = {(await both.get("/"))[0] for _ in range(8)}
        counted = await both.servers[0].stat("partners.http_local_rate_limit.rate_limited")

    assert statuses == {200}
    assert counted >= 5
