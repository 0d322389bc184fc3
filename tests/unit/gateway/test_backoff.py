"""Waits between attempts."""

from control_plane.kit.backoff import Backoff


def test_waits_double_up_to_a_limit_and_begin_again_after_a_success() -> None:
    backoff = Backoff(0.1, 0.5)

    waits = [round(backoff.next(1.0), 3) for _ in range(5)]
    backoff.reset()

    assert waits == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert backoff.next(1.0) == 0.1


def test_chance_spreads_the_wait_over_its_upper_half() -> None:
    assert Backoff(1.0, 8.0).next(0.0) == 0.5
    assert Backoff(1.0, 8.0).next(0.5) == 0.75
