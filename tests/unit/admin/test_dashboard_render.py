"""How times, spans, windows and hints are written for people."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from control_plane.admin.dashboard.render import day, told, week, when
from control_plane.model.conditions import Window

AT = datetime(2026, 1, 5, 9, 30, 7, tzinfo=UTC)


def test_a_time_is_short_and_the_whole_of_it_is_there_too() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5)))

    assert when(elsewhere) == when(AT)
    assert when(AT) == (
        '<time datetime="2026-01-05T09:30:07+00:00" title="2026-01-05 09:30:07 UTC">05 Jan 09:30:07</time>'
    )
    assert ">2026-01-05</time>" in day(AT)
    assert when(None) == "never"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("ask `proxenia check <NODE>` first", "ask <code>proxenia check &lt;NODE&gt;</code> first"),
        ("<b> has no command", "&lt;b&gt; has no command"),
        ("one ` alone", "one ` alone"),
    ],
)
def test_what_is_between_backticks_is_a_command_and_nothing_is_markup(text: str, html: str) -> None:
    assert told(text) == html


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ((1, 2, 3, 4, 5), "Mon to Fri 07:00 to 18:00"),
        ((6, 7), "Sat, Sun 07:00 to 18:00"),
        ((1, 3, 5), "Mon, Wed, Fri 07:00 to 18:00"),
        ((2,), "Tue 07:00 to 18:00"),
    ],
)
def test_a_window_of_the_week_is_told_in_days_and_hours(days: tuple[int, ...], words: str) -> None:
    assert week(Window(days, "07:00", "18:00")) == words
