"""The circuit's states: whatever is told in whatever order, they are those of the protocol."""

from hypothesis import given
from hypothesis import strategies as st

from control_plane.model.circuit import (
    CLOSED,
    LATE,
    Circuit,
    CircuitState,
    Pace,
    answered,
    as_of,
    opened,
    reset,
    returned,
)

PACE = Pace(open=30, most=300)
OPEN, HALF, SHUT = CircuitState.OPEN, CircuitState.HALF_OPEN, CircuitState.CLOSED

_WORDS = ("opened", "returned", "answered", "reset", "wait")
_moments = st.floats(0, 1_000)
_steps = st.lists(
    st.tuples(
        st.sampled_from(["opened", "returned", "answered", "reset", "wait"]), _moments, st.integers(1, 20)
    ),
    max_size=20,
)


def step(circuit: Circuit, what: str, at: float, openings: int) -> Circuit:
    match what:
        case "opened":
            return opened(circuit, at, "consecutive_5xx", openings, pace=PACE)
        case "returned":
            return returned(circuit, at, pace=PACE)
        case "answered":
            return answered(circuit, at)
        case "reset":
            return reset(circuit, at)
        case _:
            return as_of(circuit, at, pace=PACE)


def test_it_opens_is_tried_and_closes() -> None:
    one = opened(CLOSED, 100, "consecutive_5xx", 1, pace=PACE)
    two = returned(one, 131, pace=PACE)
    three = answered(two, 131.2)

    assert (one.state, one.reason, one.since, one.until) == (OPEN, "consecutive_5xx", 100, 130)
    assert (two.state, two.since, two.until) == (HALF, 131, 161)
    assert (three.state, three.reason, three.since, three.until) == (SHUT, "answered", 131.2, None)


def test_each_opening_in_a_row_lasts_longer_up_to_a_limit() -> None:
    lasting = [(opened(CLOSED, 0, "x", times, pace=PACE).until) for times in (0, 1, 2, 10, 99)]

    assert lasting == [30, 30, 60, 300, 300]


def test_a_failure_after_the_trial_opens_it_again_and_an_answer_from_before_does_not_close_it() -> None:
    half = returned(opened(CLOSED, 100, "x", 1, pace=PACE), 131, pace=PACE)

    assert opened(half, 132, "x", 2, pace=PACE).until == 192
    assert answered(half, 130) == half
    assert answered(opened(CLOSED, 100, "x", 1, pace=PACE), 101).state is OPEN


def test_nothing_stays_open_for_ever_when_the_gateway_says_nothing_more() -> None:
    circuit = opened(CLOSED, 100, "x", 1, pace=PACE)

    states = [
        as_of(circuit, now, pace=PACE).state for now in (100, 130, 130 + LATE, 160 + LATE - 1, 160 + LATE)
    ]

    assert states == [OPEN, OPEN, HALF, HALF, SHUT]


@given(_steps)
def test_every_change_is_one_that_the_machine_has(steps: list[tuple[str, float, int]]) -> None:
    allowed = {
        "opened": {(a, OPEN) for a in CircuitState},
        "returned": {(OPEN, HALF)},
        "answered": {(HALF, SHUT)},
        "reset": {(a, SHUT) for a in CircuitState},
        "wait": {(OPEN, HALF), (HALF, SHUT), (OPEN, SHUT)},
    }
    circuit = CLOSED
    for what, at, openings in steps:
        after = step(circuit, what, at, openings)
        if after.state is not circuit.state:
            assert (circuit.state, after.state) in allowed[what]
        assert after.since >= circuit.since
        assert (after.until is None) is (after.state is SHUT)
        assert after.until is None or after.until >= after.since
        circuit = after


@given(_steps)
def test_news_that_arrives_twice_or_late_changes_nothing(steps: list[tuple[str, float, int]]) -> None:
    circuit = CLOSED
    for what, at, openings in steps:
        circuit = step(circuit, what, at, openings)
        if what != "wait":
            assert step(circuit, what, at, openings) == circuit
            assert step(circuit, "opened", circuit.since - 1, 1) == circuit


@given(_steps, _moments, _moments)
def test_time_passes_in_one_step_as_in_two(
    steps: list[tuple[str, float, int]], one: float, two: float
) -> None:
    circuit = CLOSED
    for what, at, openings in steps:
        circuit = step(circuit, what, at, openings)
    first, last = sorted((one, two))

    assert as_of(as_of(circuit, first, pace=PACE), last, pace=PACE) == as_of(circuit, last, pace=PACE)
