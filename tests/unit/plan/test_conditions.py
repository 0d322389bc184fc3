"""When a grant is in force, and what time alone touches."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.model.conditions import Conditions, Window, moment
from control_plane.model.federation import Export, Unit, UnitKind
from control_plane.model.grant import Grant
from control_plane.model.identity import ObjectId, ResourceName
from control_plane.model.problem import InvalidValueError
from control_plane.plan.conditions import next_change, suspended
from control_plane.plan.federate import federate
from control_plane.plan.world import World
from tests.golden.world import LUEBECK, items

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)  # is one
OFFICE = Window((1, 2, 3, 4, 5), "08:00", "17:30")


def grant(**conditions: object) -> Grant:
    return Grant(
        ObjectId("g"),
        ResourceName("idle"),
        LUEBECK,
        conditions=Conditions(**conditions),  # type: ignore[arg-type] # checked by the class
    )


def code(given: Grant, at: datetime) -> str:
    problem = suspended(given, at.timestamp())
    return problem.code if problem else ""


def test_without_conditions_a_grant_is_always_in_force_and_nothing_changes_that() -> None:
    assert code(grant(), MONDAY) == ""
    assert next_change(grant(), MONDAY.timestamp()) is None


def test_a_grant_begins_and_ends_to_the_second() -> None:
    day = grant(begins=MONDAY, ends=MONDAY + timedelta(days=1))

    seconds = [timedelta(seconds=s) for s in (-1, 0, 86_399, 86_400)]

    assert [code(day, MONDAY + s) for s in seconds] == ["grant_not_begun", "", "", "grant_ended"]


@pytest.mark.parametrize(
    ("day", "clock", "expected"),
    [
        (0, "07:59", "grant_outside_hours"),
        (0, "08:00", ""),
        (4, "17:29", ""),
        (4, "17:30", "grant_outside_hours"),
        (5, "12:00", "grant_outside_hours"),
        (6, "12:00", "grant_outside_hours"),
        (7, "12:00", ""),
    ],
)
def test_hours_of_the_week(day: int, clock: str, expected: str) -> None:
    at = MONDAY + timedelta(days=day, hours=int(clock[:2]), minutes=int(clock[3:]))

    assert code(grant(weekly=(OFFICE,)), at) == expected


def test_a_named_approval_is_waited_for() -> None:
    waiting = grant(approval=ObjectId("works-council"))

    assert code(waiting, MONDAY) == "grant_not_approved"
    assert code(replace(waiting, approved_by="ada"), MONDAY) == ""


def test_who_approved_needs_something_that_was_asked_for() -> None:
    with pytest.raises(InvalidValueError, match="approval's name"):
        replace(grant(), approved_by="ada")


@pytest.mark.parametrize(
    "conditions",
    [
        {"begins": datetime(2026, 1, 1)},  # noqa: DTZ001 - the point
        {"begins": MONDAY, "ends": MONDAY},
        {"weekly": (Window(),) * 33},
    ],
)
def test_conditions_that_mean_nothing_are_refused(conditions: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError):
        grant(**conditions)


@pytest.mark.parametrize(
    "window",
    [((), "00:00", "24:00"), ((8,), "00:00", "24:00"), ((1,), "9:00", "10:00"), ((1,), "22:00", "06:00")],
)
def test_windows_that_mean_nothing_are_refused(window: tuple[tuple[int, ...], str, str]) -> None:
    with pytest.raises(InvalidValueError):
        Window(*window)


_moments = st.integers(0, 4 * 7 * 86_400).map(float)
_clocks = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda c: f"{c[0]:02}:{c[1]:02}")
_windows = st.builds(
    lambda days, clocks: Window(tuple(days), min(clocks), max(clocks)),
    st.sets(st.integers(1, 7), min_size=1),
    st.sets(_clocks, min_size=2, max_size=2),
)


@given(_moments, st.lists(_windows, max_size=3), st.none() | _moments, st.none() | _moments, st.floats(0, 1))
def test_between_now_and_the_next_change_nothing_changes(
    now: float, windows: list[Window], begins: float | None, ends: float | None, share: float
) -> None:
    if begins is not None and ends is not None and begins >= ends:
        begins = None
    given = grant(
        weekly=tuple(windows),
        begins=None if begins is None else moment(begins),
        ends=None if ends is None else moment(ends),
    )

    until = next_change(given, now)

    horizon = now + 30 * 86_400 if until is None else until
    between = now + share * (horizon - now) * 0.999999
    assert horizon > now
    assert (suspended(given, now) is None) == (suspended(given, between) is None)


def allowed(world: World) -> int:
    planned = federate(world, Unit(UnitKind.EXPORT, "idle")).planned
    assert isinstance(planned, Export)
    return len(planned.allowed)


def test_time_touches_the_resources_of_grants_that_begin_or_end_and_no_others(world: World) -> None:
    start = MONDAY.timestamp()
    world.move(moment(start))
    world.apply(items([grant(begins=moment(start + 10), ends=moment(start + 20))]))

    steps = [
        (world.timetable.boundary, world.move(moment(start + second)), allowed(world))
        for second in (9, 10, 20, 30)
    ]

    idle = {Unit(UnitKind.EXPORT, "idle")}
    assert steps == [
        (start + 10, set(), 0),
        (start + 10, idle, 2),
        (start + 20, idle, 0),
        (None, set(), 0),
    ]
