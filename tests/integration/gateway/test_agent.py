"""The agent with a real Envoy: what it starts, takes over, ends and ships."""

import asyncio
import os
import signal
import time

import aiohttp
import pytest

from control_plane.model.audit import EventType
from tests.fakes.audit import FakeAudit
from tests.integration.gateway.organisation import Organisation, until

pytestmark = pytest.mark.integration


def expected(prefix: str, count: int) -> list[str]:
    return [f"/{prefix}/{number}" for number in range(count)]


@pytest.mark.alone
async def test_requests_through_envoy_are_in_the_audit_once_and_soon(organisation: Organisation) -> None:
    await organisation.start_agent()
    await organisation.serving()

    await organisation.requests(50, "a")
    sent = time.monotonic()
    await until(lambda: len(organisation.paths("a")) >= 50, seconds=5)
    took = time.monotonic() - sent

    assert organisation.paths("a") == expected("a", 50)
    assert took < 2
    first = next(event for event in organisation.audit.events if event.metadata["path"] == "/a/0")
    assert (first.reporter, first.direction, first.decision, first.status) == (
        "gw-1",
        "egress",
        "allowed",
        200,
    )
    assert first.principal == "spiffe://luebeck.example/gateway/gw-1"
    assert first.correlation_id
    assert "hidden" not in repr(first)


async def test_a_killed_agent_leaves_envoy_serving_and_the_next_one_goes_on_where_it_was(
    organisation: Organisation,
) -> None:
    agent = await organisation.start_agent()
    envoy = await organisation.serving()
    await organisation.requests(30, "a")

    agent.kill()
    await agent.wait()
    await organisation.requests(30, "b")
    await organisation.start_agent()
    await until(lambda: len(organisation.paths("b")) >= 30)
    await organisation.requests(30, "c")
    await until(lambda: len(organisation.paths("c")) >= 30)

    assert organisation.envoys() == [envoy]
    for prefix in ("a", "b", "c"):
        assert organisation.paths(prefix) == expected(prefix, 30)


async def test_sigterm_lets_requests_in_flight_finish_and_ships_their_rows(
    organisation: Organisation,
) -> None:
    agent = await organisation.start_agent()
    await organisation.serving()

    async with aiohttp.ClientSession() as session:
        slow = [asyncio.create_task(organisation.status(session, f"/slow/{number}")) for number in range(10)]
        await until(lambda: len(organisation.slow) == 10)
        agent.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*slow)
    code = await asyncio.wait_for(agent.wait(), 20)

    assert all(answers)
    assert code == 0
    assert organisation.envoys() == []
    assert sorted(organisation.paths("slow")) == sorted(expected("slow", 10))


async def test_sighup_ends_the_agent_and_leaves_envoy_running(organisation: Organisation) -> None:
    agent = await organisation.start_agent()
    envoy = await organisation.serving()

    agent.send_signal(signal.SIGHUP)
    code = await asyncio.wait_for(agent.wait(), 10)

    assert code == 0
    assert organisation.envoys() == [envoy]
    await organisation.requests(3, "a")


@pytest.mark.alone
async def test_a_killed_envoy_is_started_again_and_loses_no_row(organisation: Organisation) -> None:
    await organisation.start_agent()
    envoy = await organisation.serving()
    await organisation.requests(20, "a")

    await asyncio.sleep(0.2)  # within 100 ms Envoy has written what it served
    os.kill(envoy, signal.SIGKILL)
    killed = time.monotonic()
    await until(lambda: organisation.envoys() not in ([], [envoy]), seconds=5, what="another Envoy")
    restarted = time.monotonic() - killed
    await organisation.serving()
    await organisation.requests(20, "b")
    await until(lambda: len(organisation.paths("b")) >= 20)

    assert restarted < 1.5
    assert organisation.paths("a") == expected("a", 20)
    assert organisation.paths("b") == expected("b", 20)


async def test_a_control_plane_that_was_away_gets_every_row_once(organisation: Organisation) -> None:
    await organisation.start_agent()
    await organisation.serving()

    await organisation.stop_control_plane()
    await organisation.requests(40, "a")
    await organisation.start_control_plane()
    await until(lambda: len(organisation.paths("a")) >= 40)

    assert organisation.paths("a") == expected("a", 40)


async def test_a_database_that_was_away_gets_every_row_once(organisation: Organisation) -> None:
    await organisation.start_agent()
    await organisation.serving()

    organisation.audit.down = True
    await organisation.requests(40, "a")
    await asyncio.sleep(0.5)
    organisation.audit.down = False
    await until(lambda: len(organisation.paths("a")) >= 40)

    assert organisation.paths("a") == expected("a", 40)


async def test_a_database_restored_from_before_gets_what_is_still_there_and_a_gap_for_the_rest(
    organisation: Organisation,
) -> None:
    organisation.settings["rotate_bytes"] = 2_000
    await organisation.start_agent()
    await organisation.serving()
    await organisation.requests(20, "gone")
    await until(lambda: len(organisation.paths("gone")) >= 20)
    await asyncio.sleep(1.5)  # for a new file
    await organisation.requests(1, "kept")
    await until(lambda: len(organisation.paths("kept")) >= 1)

    await organisation.stop_control_plane()
    organisation.audit = FakeAudit()
    await organisation.start_control_plane()
    await organisation.requests(20, "new")
    await until(lambda: len(organisation.paths("new")) >= 20)

    gaps = [event for event in organisation.audit.events if event.event_type is EventType.GAP]
    assert any("had been shipped before" in gap.metadata["detail"] for gap in gaps)
    assert organisation.paths("kept") == expected("kept", 1)
    assert organisation.paths("new") == expected("new", 20)


async def test_an_agent_that_is_killed_again_and_again_ships_every_row_once(
    organisation: Organisation,
) -> None:
    agent = await organisation.start_agent()
    envoy = await organisation.serving()

    load = asyncio.create_task(organisation.requests(600, "a"))
    for _ in range(3):
        await asyncio.sleep(0.3)
        agent.kill()
        await agent.wait()
        agent = await organisation.start_agent()
        await asyncio.sleep(1.0)
    await load
    await until(lambda: len(organisation.paths("a")) >= 600)

    assert organisation.envoys() == [envoy]
    assert organisation.paths("a") == expected("a", 600)


async def test_what_could_not_be_shipped_at_the_end_is_shipped_by_the_next_agent(
    organisation: Organisation,
) -> None:
    agent = await organisation.start_agent()
    await organisation.serving()
    await organisation.stop_control_plane()
    await organisation.requests(10, "a")

    agent.send_signal(signal.SIGTERM)
    code = await asyncio.wait_for(agent.wait(), 20)
    await organisation.start_control_plane()
    await organisation.start_agent()
    await until(lambda: len(organisation.paths("a")) >= 10)

    assert code == 0
    assert organisation.paths("a") == expected("a", 10)


async def test_long_logs_are_continued_in_new_files_without_losing_a_row(organisation: Organisation) -> None:
    organisation.settings["rotate_bytes"] = 4_000
    await organisation.start_agent()
    await organisation.serving()

    first = (organisation.files.logs / "access.jsonl").readlink().name

    for number in range(4):
        await organisation.requests(25, f"r{number}")
        await asyncio.sleep(1.2)  # the agent looks once a second
    await until(lambda: len(organisation.paths("r3")) >= 25)

    for number in range(4):
        assert organisation.paths(f"r{number}") == expected(f"r{number}", 25)

    def few() -> bool:
        files = {path.name for path in organisation.files.logs.glob("access.1*")}
        return first not in files and len(files) <= 2

    await until(few, what="the files that were taken over to be gone")


async def test_a_second_agent_of_a_directory_exits_with_a_reason(organisation: Organisation) -> None:
    await organisation.start_agent()
    await organisation.serving()

    second = await organisation.start_agent()
    code = await asyncio.wait_for(second.wait(), 10)

    assert code == 1
    assert "another agent" in organisation.agent_log.read_text()


async def test_envoy_is_replaced_when_its_bootstrap_would_be_another(organisation: Organisation) -> None:
    agent = await organisation.start_agent()
    envoy = await organisation.serving()
    agent.kill()
    await agent.wait()

    organisation.settings |= {"max_connections": 77, "drain_seconds": 0.2}
    await organisation.start_agent()
    await until(lambda: organisation.envoys() not in ([], [envoy]))
    await organisation.serving()

    assert envoy not in organisation.envoys()
    assert len(organisation.envoys()) == 1
