"""Whatever a third party's source does, what comes out of its fence is a report."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.discovery.fence import APART, END_WITHIN, FIRST_WITHIN, Fence
from control_plane.discovery.sound import MAX_REASON, UnsoundError, one_clause, sound
from control_plane.model.problem import Problem
from control_plane.model.sighting import Candidate, RawEndpoint, SourceKind
from control_plane.ports.source import MAX_CANDIDATES, Lost, Report, Seen
from tests.contract.source_world import Record
from tests.fakes.source import candidate_of

pytestmark = pytest.mark.looptime

GOOD = candidate_of(Record(node_id="gw-1"))
SEEN = Seen((GOOD,))
Say = Callable[[], AsyncIterator[Any]]


class Stranger:
    """A source that says what it was given, each time that it is followed what comes next."""

    kind, name = SourceKind.MANUAL, "manual"  # it would be believed over all others

    def __init__(self, *turns: Say) -> None:
        self._turns = list(turns)

    def reports(self) -> AsyncIterator[Report]:
        return (self._turns.pop(0) if len(self._turns) > 1 else self._turns[0])()

    def look(self) -> None:
        raise RuntimeError("not now")


def says(*reports: object, then: BaseException | None = None) -> Say:
    async def run() -> AsyncIterator[Any]:
        for report in reports:
            yield report
        if then is not None:
            raise then
        await asyncio.Event().wait()

    return run


async def first(fence: Fence, count: int) -> list[Report]:
    """So many reports, each within the time that a fence has for the first."""
    found: list[Report] = []
    async with asyncio.timeout(count * (FIRST_WITHIN + 1)):
        async for report in fence.reports():
            found.append(report)
            if len(found) == count:
                break
    return found


async def test_what_is_sound_comes_through_as_it_is() -> None:
    fence = Fence("x", Stranger(says(SEEN, Lost("away"), SEEN)))

    assert await first(fence, 3) == [SEEN, Lost("away"), SEEN]


def test_a_stranger_is_a_plugin_whatever_it_says_of_itself() -> None:
    fence = Fence("x", Stranger(says()))

    assert (fence.kind, fence.name) == (SourceKind.PLUGIN, "plugin:x")


@pytest.mark.parametrize(
    "fault",
    [RuntimeError("boom\x1b[2J"), KeyError(), SystemExit(3), asyncio.CancelledError(), TimeoutError()],
)
async def test_whatever_is_raised_is_a_loss_and_the_source_is_followed_again(fault: BaseException) -> None:
    fence = Fence("x", Stranger(says(SEEN, then=fault), says(SEEN)))

    before, lost, after = await first(fence, 3)

    assert (before, after) == (SEEN, SEEN)
    assert isinstance(lost, Lost)
    assert lost.reason.isprintable()


@pytest.mark.parametrize(
    "said",
    [
        None,
        [GOOD],
        Seen([GOOD]),  # type: ignore[arg-type]  # that is what is tested
        Seen((None,)),  # type: ignore[arg-type]  # that is what is tested
        Seen((replace(GOOD, node_id=7),)),  # type: ignore[arg-type]  # that is what is tested
        Seen((replace(GOOD, endpoints=(("192.0.2.1", 1),)),)),  # type: ignore[arg-type]  # that is what is tested
        Seen((replace(GOOD, endpoints=(RawEndpoint("192.0.2.1", "1"),)),)),  # type: ignore[arg-type]  # that is what is tested
        Seen((replace(GOOD, resources="orders"),)),  # type: ignore[arg-type]  # that is what is tested
        Seen((replace(GOOD, metadata=(("a",),)),)),  # type: ignore[arg-type]  # that is what is tested
        Seen((replace(GOOD, ttl=float("nan")),)),
        Seen((), ("no problem",)),  # type: ignore[arg-type]  # that is what is tested
        Seen((), (), None),  # type: ignore[arg-type]  # that is what is tested
        Lost(None),  # type: ignore[arg-type]  # that is what is tested
    ],
)
async def test_what_is_no_report_is_a_loss(said: object) -> None:
    fence = Fence("x", Stranger(says(said), says(SEEN)))

    lost, after = await first(fence, 2)

    assert isinstance(lost, Lost)
    assert lost.reason.startswith("expected")
    assert after == SEEN


async def test_a_source_that_ends_or_is_none_is_a_loss() -> None:
    async def ends() -> AsyncIterator[Any]:
        return
        yield

    ended = await first(Fence("x", Stranger(ends)), 1)
    none = await first(Fence("x", Stranger(lambda: 7)), 1)  # type: ignore[arg-type,return-value]  # that is what is tested

    assert ended == [Lost("the plugin stopped saying anything")]
    assert isinstance(none[0], Lost)


async def test_a_source_that_says_nothing_is_a_loss_after_a_while_and_may_still_speak() -> None:
    async def late() -> AsyncIterator[Any]:
        await asyncio.sleep(FIRST_WITHIN + 5)
        yield SEEN
        await asyncio.Event().wait()

    assert await first(Fence("x", Stranger(late)), 2) == [Lost("nothing was said within 30 s"), SEEN]


async def test_a_source_that_never_stops_talking_is_heard_only_so_often() -> None:
    async def flood() -> AsyncIterator[Any]:
        while True:
            yield SEEN

    began = asyncio.get_running_loop().time()
    await first(Fence("x", Stranger(flood)), 10)

    assert asyncio.get_running_loop().time() - began >= 8 * APART


async def test_a_source_that_does_not_end_is_left_behind() -> None:
    free = asyncio.Event()

    async def stubborn() -> AsyncIterator[Any]:
        yield SEEN
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    fence, heard = Fence("x", Stranger(stubborn)), asyncio.Event()

    async def follow() -> None:
        async for _ in fence.reports():
            heard.set()

    task = asyncio.create_task(follow())
    await heard.wait()
    await asyncio.sleep(1)
    began = asyncio.get_running_loop().time()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert asyncio.get_running_loop().time() - began <= END_WITHIN + 0.1
    free.set()
    await asyncio.sleep(0.1)


async def test_look_raises_nothing_and_ends_the_wait_after_a_failure() -> None:
    fence = Fence("x", Stranger(says(then=RuntimeError()), says(then=RuntimeError()), says(SEEN)))
    found: set[Report] = set()

    async def follow() -> None:
        async for report in fence.reports():
            found.add(report)

    task = asyncio.create_task(follow())
    for _ in range(3):
        await asyncio.sleep(0.01)
        fence.look()
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert SEEN in found


def test_too_many_candidates_and_too_long_reasons_are_cut() -> None:
    many = sound(Seen((GOOD,) * (MAX_CANDIDATES + 3), left_out=2))
    long = sound(Lost("why " * MAX_REASON))

    assert isinstance(many, Seen)
    assert (len(many.candidates), many.left_out) == (MAX_CANDIDATES, 5)
    assert isinstance(long, Lost)
    assert len(long.reason) <= MAX_REASON


def test_what_is_refused_is_shown_in_printable_text() -> None:
    said = sound(Seen((), (Problem("x\n", "bad", "\x1b[2J"),)))

    assert said == Seen((), (Problem("x", "bad", "[2J"),))


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text() | st.binary() | st.floats(),
    lambda inner: st.lists(inner).map(tuple) | st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(st.builds(Seen, ANYTHING, ANYTHING, ANYTHING) | st.builds(Lost, ANYTHING) | ANYTHING)
def test_anything_is_a_report_or_said_to_be_none(said: object) -> None:
    try:
        report = sound(said)
    except UnsoundError as error:
        report = Lost(one_clause(str(error)))
    assert isinstance(report, Seen | Lost)


@given(
    st.builds(
        Candidate,
        **dict.fromkeys(("subject", "node_id", "organisation", "spiffe_id", "name"), st.text() | ANYTHING),
        endpoints=st.lists(st.builds(RawEndpoint, ANYTHING, ANYTHING)).map(tuple) | ANYTHING,
        metadata=ANYTHING,
        ttl=ANYTHING,
    )
)
def test_any_candidate_is_sound_or_said_to_be_none(candidate: Candidate) -> None:
    try:
        report = sound(Seen((candidate,)))
    except UnsoundError:
        return
    assert report == Seen((candidate,))
