"""Shipping: every line at least once, in order; after the receiver exactly once; gaps are said."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.model.audit import EventType
from tests.fakes.audit import FakeAudit
from tests.unit.audit.lines import access
from tests.unit.gateway.shipping import Site

BEGIN_AT = 1_700_000_000_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.log.begin(BEGIN_AT)
    return made


def row(number: int) -> str:
    return access(
        row=f"row-{number}", ts=f"2026-03-01T11:{number // 60 % 60:02}:{number % 60:02}.000Z"
    ).decode()


def rows(audit: FakeAudit) -> list[str]:
    return [event.row_id for event in audit.events if event.event_type is not EventType.GAP]


def gaps(audit: FakeAudit) -> list[str]:
    return [event.metadata["detail"] for event in audit.events if event.event_type is EventType.GAP]


async def test_an_answer_that_was_lost_makes_no_row_twice(site: Site) -> None:
    site.write(f"{row(1)}\n{row(2)}\n")
    site.connection.trouble = ["answer", "request"]

    await site.ship_all()

    assert rows(site.audit) == ["row-1", "row-2"]


async def test_an_agent_that_forgot_everything_makes_no_row_twice(site: Site) -> None:
    site.write(f"{row(1)}\n")
    await site.ship_all()
    (site.directory / "agent.json").unlink()
    site.start_agent()
    site.write(f"{row(2)}\n")

    await site.ship_all()

    assert rows(site.audit) == ["row-1", "row-2"]
    assert gaps(site.audit) == []


async def test_a_checkpoint_is_not_moved_before_the_rows_are_stored(site: Site) -> None:
    site.write(f"{row(1)}\n")
    site.audit.down = True
    with pytest.raises(Exception, match="told to be down"):
        await site.shipper.ship_next(site.log)

    site.start_agent()

    assert site.checkpoints.get("access") is None


async def test_files_are_deleted_only_when_a_later_one_is_in_the_audit(site: Site) -> None:
    site.write(f"{row(1)}\n")
    await site.ship_all()
    site.log.begin(BEGIN_AT + 1)
    await site.ship_all()
    before = len(site.log.names())
    site.write(f"{row(2)}\n")
    await site.ship_all()

    assert before == 2
    assert len(site.log.names()) == 1


async def test_a_database_restored_from_before_is_given_what_is_still_there(site: Site) -> None:
    site.write(f"{row(1)}\n")
    await site.ship_all()
    old = FakeAudit()
    await old.append(site.audit.events, (await site.audit.checkpoints("gw-1"))[0])
    site.write(f"{row(2)}\n")
    await site.ship_all()

    site.restore_database(old)
    site.write(f"{row(3)}\n")
    await site.ship_all()

    assert rows(site.audit) == ["row-1", "row-2", "row-3"]
    assert gaps(site.audit) == []


async def test_rows_that_a_restored_database_can_not_get_any_more_are_a_stated_gap(site: Site) -> None:
    site.write(f"{row(1)}\n")
    await site.ship_all()
    old = FakeAudit()
    await old.append(site.audit.events, (await site.audit.checkpoints("gw-1"))[0])
    for number in (2, 3):
        site.write(f"{row(number)}\n")
        site.log.begin(BEGIN_AT + number)
    site.write(f"{row(4)}\n")
    await site.ship_all()

    site.restore_database(old)
    site.write(f"{row(5)}\n")
    await site.ship_all()

    assert rows(site.audit) == ["row-1", "row-4", "row-5"]
    assert len(gaps(site.audit)) == 1
    assert "is gone" in gaps(site.audit)[0]


async def test_a_new_database_is_told_that_there_was_more(site: Site) -> None:
    site.write(f"{row(1)}\n")
    await site.ship_all()

    site.restore_database(FakeAudit())
    site.write(f"{row(2)}\n")
    await site.ship_all()

    assert rows(site.audit) == ["row-1", "row-2"]
    assert "had been shipped before" in gaps(site.audit)[0]


async def test_the_last_lines_are_shipped_before_the_shipper_ends(site: Site) -> None:
    running = asyncio.create_task(site.shipper.run())
    site.write(f"{row(1)}\n")
    site.shipper.finish()

    await asyncio.wait_for(running, 5)

    assert rows(site.audit) == ["row-1"]


class History:
    """Plays random events against a site, and knows what must come out."""

    def __init__(self, directory: Path) -> None:
        self.site = Site(directory)
        self.written: list[str] = []
        self.now = BEGIN_AT
        self.broken = 0
        self.site.log.begin(self.now)

    async def write(self) -> None:
        number = len(self.written)
        self.written.append(f"row-{number}")
        self.site.write(f"{row(number)}\n")

    async def envoy_dies_in_the_middle_of_a_line(self) -> None:
        self.site.write('{"half a line')
        self.broken += 1
        await self.envoy_dies()

    async def envoy_dies(self) -> None:
        self.now += 1
        self.site.log.begin(self.now)

    async def rotate(self) -> None:
        self.now += 1
        if self.site.log.rotate(self.now, limit=1):
            (self.site.directory / "access.jsonl").touch()

    async def agent_dies(self) -> None:
        self.site.start_agent()

    async def agent_forgets(self) -> None:
        (self.site.directory / "agent.json").unlink(missing_ok=True)
        self.site.start_agent()
        self.site.checkpoints.advance(await self.site.ask())  # what Hello does

    async def ship(self) -> None:
        await self.site.ship_all()

    async def ship_once(self) -> None:
        if not self.site.connection.trouble:
            await self.site.shipper.ship_next(self.site.log)

    async def lose_answer(self) -> None:
        self.site.connection.trouble.append("answer")

    async def lose_request(self) -> None:
        self.site.connection.trouble.append("request")

    async def play(self, names: list[str]) -> None:
        for name in names:
            step: Callable[[], object] = getattr(self, name)
            await step()  # type: ignore[misc]  # each step is a coroutine function
        await self.ship()


STEPS = [
    "write", "write", "write", "envoy_dies_in_the_middle_of_a_line", "envoy_dies", "rotate", "agent_dies",
    "agent_forgets", "ship", "ship_once", "lose_answer", "lose_request",
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_whatever_dies_in_between_every_row_is_stored_once_and_in_order(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        history = History(Path(directory))

        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(history.play(names))

        assert rows(history.site.audit) == history.written
        assert len(gaps(history.site.audit)) == history.broken
