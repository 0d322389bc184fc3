"""Nodes that die, and circuits that open and close."""

import asyncio

import pytest

from control_plane.model.tuning import Tuning
from tests.integration.translate.envoy import Envoy
from tests.integration.translate.parties import Parties, parties

pytestmark = pytest.mark.integration


async def _until(both: Parties, stop: asyncio.Event, answers: asyncio.Queue[tuple[int, str]]) -> None:
    """One client that asks without a pause."""
    while not stop.is_set():
        answers.put_nowait(await both.get("/load"))


async def test_no_request_fails_when_one_of_two_nodes_is_killed_under_load() -> None:
    stop, answers = asyncio.Event(), asyncio.Queue[tuple[int, str]]()
    async with parties(Tuning(), servers=2) as both, asyncio.TaskGroup() as clients:
        for _ in range(16):
            clients.create_task(_until(both, stop, answers))
        before = [await answers.get() for _ in range(100)]

        both.servers[0].kill()
        after = [await answers.get() for _ in range(400)]
        stop.set()

    rest = [answers.get_nowait() for _ in range(answers.qsize())]
    assert {*before, *after, *rest} == {(200, "/load")}


async def _opened(envoy: Envoy) -> None:
    """Until its main thread has judged what the worker told it, and has told the workers."""
    async with asyncio.timeout(5):
        while not await envoy.stat("ejections_active"):  # noqa: ASYNC110 - another process tells nobody
            await asyncio.sleep(0.01)


async def test_five_failures_open_the_circuit_of_the_only_node_and_it_closes_again() -> None:
    async with parties(Tuning(circuit_open=2, circuit_interval=0.2)) as both:
        both.service.status = 500
        failures = [(await both.get("/fail"))[0] for _ in range(5)]
        await _opened(both.caller)
        refused = await both.get("/fail")
        reached = len(both.service.seen)
        both.service.status = 200
        for _ in range(60):
            answered = await both.get("/fail")
            if answered[0] == 200:
                break
            await asyncio.sleep(0.1)

    assert failures == [500] * 5
    assert refused == (503, "no healthy upstream")
    assert reached == 5
    assert answered == (200, "/fail")


async def test_a_request_that_may_have_been_carried_out_is_not_repeated() -> None:
    async with parties(Tuning()) as both:
        both.service.status = 503
        headers = {"Host": "orders.server.example"}
        async with both.session.post(both.url("/once"), headers=headers) as answer:
            status = answer.status
        posted = len(both.service.seen)
        await both.get("/again")
        got = len(both.service.seen) - posted

    assert (status, posted) == (503, 1)
    assert got == Tuning().retries + 1
