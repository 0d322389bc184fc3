"""The last hour: what is asked of the audit, what is kept, and what is drawn of it."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from control_plane.admin.dashboard.curves import curves
from control_plane.admin.dashboard.figures import FRESH, MINUTES, Figures, Hour
from control_plane.admin.dashboard.sparkline import HEIGHT, WIDTH, spark
from control_plane.ports.errors import UnavailableError
from control_plane.ports.traffic import Count, Minute

NOW = datetime(2026, 1, 2, 3, 4, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Minutes:
    """Ten requests a minute, for ever; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[timedelta] = []
        self.down = False

    async def minutes(self, since: datetime, until: datetime) -> Sequence[Minute]:
        if self.down:
            raise UnavailableError("it was told to be down")
        self.asked.append(until - since)
        count = (until - since) // MINUTE
        return [minute(since + number * MINUTE) for number in range(count)]


def minute(at: datetime, requests: int = 10) -> Minute:
    count = Count(requests, 1, 2)
    return Minute(at=at, count=count, p50=5.0, p99=50.0, partners={"luebeck.example": count})


async def test_an_hour_is_asked_for_once_and_then_only_what_may_be_different() -> None:
    source, clock = Minutes(), [0.0]
    figures = Figures(clock=lambda: clock[0])

    first = await figures.hour(source, NOW)
    asked = sum(source.asked, timedelta())
    source.asked.clear()
    clock[0] = FRESH
    await figures.hour(source, NOW + MINUTE)

    assert asked == MINUTES * MINUTE
    assert len(first.minutes) == MINUTES
    assert first.partners["luebeck.example"].requests == 10 * MINUTES
    assert source.asked == [4 * MINUTE]


async def test_many_looks_at_once_are_one_question() -> None:
    source, clock = Minutes(), [0.0]
    figures = Figures(clock=lambda: clock[0])
    await figures.hour(source, NOW)
    source.asked.clear()

    await figures.hour(source, NOW)

    assert source.asked == []


async def test_without_a_database_the_last_known_hour_stays_and_says_so() -> None:
    source, clock = Minutes(), [0.0]
    figures = Figures(clock=lambda: clock[0])
    await figures.hour(source, NOW)
    source.down, clock[0] = True, FRESH

    hour = await figures.hour(source, NOW)

    assert hour.fault
    assert hour.partners["luebeck.example"].requests == 10 * MINUTES


async def test_after_a_long_pause_nothing_older_than_an_hour_is_kept_or_asked_for() -> None:
    source, clock = Minutes(), [0.0]
    figures = Figures(clock=lambda: clock[0])
    await figures.hour(source, NOW)
    source.asked.clear()
    clock[0] = 86_400

    hour = await figures.hour(source, NOW + timedelta(days=1))

    assert sum(source.asked, timedelta()) == MINUTES * MINUTE
    assert all(one is not None and one.at > NOW + timedelta(hours=22) for one in hour.minutes)


@given(st.lists(st.none() | st.floats(0, 1e6), max_size=80))
def test_a_curve_stays_in_its_box_and_leaves_gaps(values: list[float | None]) -> None:
    drawn = spark(values)

    numbers = [float(number) for number in re.findall(r"[0-9.]+", drawn.line)]
    assert all(0 <= x <= WIDTH for x in numbers[::2])
    assert all(0 <= y <= HEIGHT for y in numbers[1::2])
    runs = sum(
        value is not None and (place == 0 or values[place - 1] is None) for place, value in enumerate(values)
    )
    assert drawn.line.count("M") == runs


def test_of_a_quiet_hour_there_is_still_something_to_say() -> None:
    quiet = curves(Hour())
    busy = curves(Hour((None,) * (MINUTES - 1) + (minute(NOW, 300),)))

    assert [curve.now for curve in quiet] == ["0.00", "0", "none"]
    assert [(curve.now, curve.unit) for curve in busy] == [
        ("1.00", "a second"),
        ("3", "in 5 min"),
        ("50", "ms"),
    ]
