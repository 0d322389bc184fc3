"""How far a comparison is: it never goes back, and what a partner says of itself is bounded."""

from datetime import timedelta

import pytest

from control_plane.model.reconciliation import Interval
from control_plane.peering.progress import Progress
from control_plane.ports.reconciliation import MAX_ROWS, Running, Stage
from tests.unit.peering.world import NOW, VISBY

HOUR = timedelta(hours=1)


@pytest.fixture
def progress() -> Progress:
    return Progress(VISBY, Interval(NOW, NOW + 2 * HOUR), "ada", NOW)


def test_parts_are_read_compared_and_named_one_after_the_other(progress: Progress) -> None:
    told: list[Running] = [progress.shown]
    progress.begins()
    progress.read(25, NOW + HOUR / 2)
    progress.partner_read(20)
    told.append(progress.shown)
    progress.compares(30)
    told.append(progress.shown)
    progress.names(40)
    progress.has_named(32)
    told.append(progress.shown)
    progress.ends(NOW + HOUR)
    progress.begins()
    progress.read(5, NOW + HOUR)
    told.append(progress.shown)

    assert [one.stage for one in told] == [
        Stage.ASKING, Stage.READING, Stage.COMPARING, Stage.NAMING, Stage.READING
    ]  # fmt: skip
    assert [one.share for one in told] == [0, 0.25, 0.25, 0.25, 0.5]
    assert [(one.ours, one.theirs) for one in told] == [(0, 0), (25, 20), (25, 30), (25, 30), (30, 30)]
    assert (told[3].named, told[3].to_name) == (32, 40)


def test_a_part_that_is_too_long_is_read_again_in_halves_and_counted_once(progress: Progress) -> None:
    progress.begins()
    progress.read(MAX_ROWS, NOW + HOUR)
    progress.begins()
    progress.read(10, NOW + HOUR / 2)

    assert (progress.shown.ours, progress.shown.share) == (10, 0.5)


def test_what_a_partner_says_of_its_rows_is_bounded(progress: Progress) -> None:
    progress.begins()
    progress.partner_read(10**15)
    most = progress.shown.theirs
    progress.begins()
    progress.partner_read(-5)

    assert (most, progress.shown.theirs) == (MAX_ROWS, 0)
