"""A real Envoy whose lines cannot be shipped or written: traffic goes on by policy, and nothing is silent."""

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from control_plane.model.audit import AuditEvent, EventType
from tests.integration.gateway.organisation import Organisation, until, until_async

pytestmark = pytest.mark.integration


def gaps(organisation: Organisation, reason: str) -> list[AuditEvent]:
    return [
        event
        for event in organisation.audit.events
        if event.event_type is EventType.GAP and event.reason == reason
    ]


async def test_a_full_spool_with_gap_loses_the_oldest_lines_and_says_how_many(
    organisation: Organisation,
) -> None:
    organisation.settings = {"spool_bytes": 60_000, "rotate_bytes": 8_000, "spool_full": "gap"}
    await organisation.start_agent()
    await organisation.serving()
    await organisation.requests(20, "before")
    await until(lambda: len(organisation.paths("before")) == 20)

    await organisation.stop_control_plane()
    for number in range(8):
        await organisation.requests(40, f"away{number}")  # each answered, although the spool is full
        await until(lambda: "spool_full" in organisation.agent_log.read_text() or number < 6, seconds=20)  # noqa: B023 - used at once
    await organisation.start_control_plane()
    await until(lambda: gaps(organisation, "spool_full"), seconds=30)
    await organisation.requests(1, "after")  # now that files are shipped, and none with it is dropped
    await until(lambda: organisation.paths("after"), seconds=30)

    def arrived() -> int:
        return sum(len(organisation.paths(f"away{number}")) for number in range(8))

    def said() -> int:
        return sum(int(event.metadata["lines"]) for event in gaps(organisation, "spool_full"))

    await until(lambda: said() >= 320 - arrived(), seconds=10)
    assert arrived() < 320


async def test_a_full_spool_with_block_stops_traffic_until_it_is_shipped_and_loses_nothing(
    organisation: Organisation,
) -> None:
    organisation.settings = {"spool_bytes": 30_000, "rotate_bytes": 4_000, "spool_full": "block"}
    await organisation.start_agent()
    await organisation.serving()
    await organisation.stop_control_plane()

    sent = 0
    async with aiohttp.ClientSession() as session:

        async def is_blocked() -> bool:
            nonlocal sent
            served = await organisation.status(session, f"/blocked/{sent}")
            sent += served
            return not served

        await until_async(is_blocked, seconds=40)
    await until(lambda: not organisation.envoys(), seconds=20, what="Envoy to be stopped")
    await organisation.start_control_plane()

    await organisation.serving()
    await until(lambda: gaps(organisation, "traffic_blocked_until_now"), seconds=20)
    # What was in flight when Envoy ended was not answered, but logged.
    answered = [event.metadata.get("path", "") for event in organisation.audit.events if event.status == 200]
    blocked = [path for path in answered if path.startswith("/blocked/")]
    assert blocked == [f"/blocked/{number}" for number in range(sent)]
    assert gaps(organisation, "traffic_blocked")


async def test_a_spool_of_a_week_ago_is_shipped_as_it_is(organisation: Organisation) -> None:
    await organisation.start_agent()
    await organisation.serving()
    await organisation.requests(5, "before")
    await until(lambda: len(organisation.paths("before")) == 5)
    await organisation.stop_control_plane()
    agent = organisation.agents[-1]
    agent.kill()
    await agent.wait()
    await organisation.requests(30, "old")
    old = datetime.now(UTC) - timedelta(days=7)
    await until(lambda: age(organisation.files.logs, "/old/", to=old) == 30)

    await organisation.start_control_plane()
    await organisation.start_agent()
    await organisation.requests(5, "new")  # they wait for nothing

    await until(lambda: len(organisation.paths("old")) == 30 and len(organisation.paths("new")) == 5)
    events = {event.metadata.get("path"): event for event in organisation.audit.events}
    assert {events[f"/old/{number}"].timestamp.date() for number in range(30)} == {old.date()}
    assert [event for event in organisation.audit.events if event.event_type is EventType.GAP] == []


def age(logs: Path, mark: str, *, to: datetime) -> int:
    """Date back the lines with this mark, in their places; how many there are by now."""
    day, found = to.date().isoformat(), 0
    for path in logs.glob("access.*.jsonl"):
        lines = path.read_text().splitlines(keepends=True)
        marked = [
            re.sub('"ts":"[0-9-]{10}', f'"ts":"{day}', line) if mark in line else line for line in lines
        ]
        found += sum(mark in line for line in lines)
        if marked != lines:
            with path.open("r+") as file:  # Envoy goes on adding to its end
                file.write("".join(marked))
    return found


@pytest.fixture
def small_disk(organisation: Organisation) -> Iterator[None]:
    """The agent's logs on a disk of their own, of 256 KB."""
    logs = organisation.files.logs
    logs.mkdir(mode=0o700, parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(logs)], check=False, timeout=10
    )
    if done.returncode != 0:
        pytest.skip("a small disk can only be mounted as root")
    yield
    subprocess.run(["umount", "-l", str(logs)], check=True, timeout=10)


async def test_a_full_disk_stops_no_traffic_and_becomes_a_gap_with_numbers(
    organisation: Organisation, small_disk: None
) -> None:
    del small_disk
    await organisation.start_agent()
    await organisation.serving()
    await organisation.requests(10, "before")
    await until(lambda: len(organisation.paths("before")) == 10)
    filler = organisation.files.logs / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 512)
            except OSError:
                break

    await organisation.requests(60, "full")
    await until(lambda: "log_lines_not_written" in organisation.agent_log.read_text(), seconds=15)
    filler.unlink()
    await organisation.requests(10, "after")

    await until(lambda: gaps(organisation, "log_not_written"), seconds=15)
    assert int(gaps(organisation, "log_not_written")[0].metadata["writes"]) > 0
    # The line that the full disk had cut swallows the next one: that is told as unreadable.
    await until(lambda: len(organisation.paths("after")) >= 9, seconds=15)
    assert len(organisation.paths("after")) == 10 or gaps(organisation, "log_lines_lost")
