"""Reading what Envoy appends: whole lines, in order, and nothing passed over without a word."""

from pathlib import Path

import pytest

from control_plane.gateway import tail
from control_plane.gateway.log_files import LogFiles
from control_plane.gateway.positions import Batch, Position
from control_plane.gateway.tail import read


@pytest.fixture
def log(tmp_path: Path) -> LogFiles:
    files = LogFiles(tmp_path, "access")
    files.begin(1)
    return files


def write(log: LogFiles, text: str) -> None:
    """As Envoy does: through the name that never changes."""
    with (log.directory / "access.jsonl").open("a") as file:
        file.write(text)


def current(log: LogFiles) -> str:
    name = log.current()
    assert name is not None
    return name


def following(log: LogFiles, position: Position | None) -> Batch:
    batch = read(log, position, now=99)
    assert batch is not None
    return batch


def test_only_whole_lines_are_read(log: LogFiles) -> None:
    write(log, "one\ntwo\nthr")

    first = following(log, None)
    waiting = read(log, first.until, now=99)
    write(log, "ee\n")
    second = following(log, first.until)

    assert (first.after, first.data) == (None, b"one\ntwo\n")
    assert waiting is None
    assert (second.after, second.data) == (first.until, b"three\n")


def test_an_empty_log_has_nothing_yet(log: LogFiles) -> None:
    assert read(log, None, now=99) is None


def test_a_batch_is_bounded_by_lines_and_by_bytes(log: LogFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "MAX_LINES", 3)
    monkeypatch.setattr(tail, "MAX_BYTES", 12)
    write(log, "a\nb\nc\nd\n")
    by_lines = following(log, None)
    write(log, "12345678\n12345678\n")
    by_bytes = following(log, by_lines.until)

    assert by_lines.data == b"a\nb\nc\n"
    assert by_bytes.data == b"d\n12345678\n"


def test_the_next_file_is_read_when_the_one_before_is_complete(log: LogFiles) -> None:
    write(log, "one\n")
    first = following(log, None)
    before = current(log)
    log.rotate(5, limit=1)
    waiting = read(log, first.until, now=99)  # Envoy has not opened the new file
    with (log.directory / before).open("a") as file:
        file.write("late\n")
    late = following(log, first.until)
    write(log, "two\n")
    second = following(log, late.until)

    assert waiting is None
    assert late.data == b"late\n"
    assert second.data == b"two\n"
    assert second.after == Position(before, 9)
    assert second.until == Position(current(log), 4)


def test_a_line_that_a_dead_envoy_did_not_finish_is_stated_and_skipped(log: LogFiles) -> None:
    write(log, "one\nhalf a li")
    first = following(log, None)
    log.begin(7)  # the next Envoy is about to start
    write(log, "two\n")

    gap = following(log, first.until)
    second = following(log, gap.until)

    assert (gap.data, gap.lost) == (b"", "unfinished line of 9 bytes")
    assert second.data == b"two\n"


def test_an_overlong_line_is_stated_and_skipped_once_it_has_ended(
    log: LogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "MAX_BYTES", 8)
    write(log, "0123456789")
    waiting = read(log, None, now=99)
    write(log, "0123456789\nok\n")

    gap = following(log, None)
    good = following(log, gap.until)

    assert waiting is None
    assert gap.lost.startswith("line of 21 bytes")
    assert good.data == b"ok\n"


def test_a_file_that_was_removed_is_a_stated_gap(log: LogFiles) -> None:
    write(log, "one\n")
    first = following(log, None)
    gone = current(log)
    write(log, "two\n")
    log.begin(5)
    write(log, "three\n")
    (log.directory / gone).unlink()

    gap = following(log, first.until)
    rest = following(log, gap.until)

    assert gap.lost == f"{gone} is gone or was cut"
    assert gap.until == Position(current(log), 0)
    assert rest.data == b"three\n"


def test_a_file_that_was_cut_goes_on_under_another_name(log: LogFiles) -> None:
    write(log, "one\ntwo\n")
    first = following(log, None)
    cut = current(log)
    (log.directory / cut).write_text("new\n")

    renamed = read(log, first.until, now=99)
    gap = following(log, first.until)
    rest = following(log, gap.until)

    assert renamed is None
    assert gap.lost == f"{cut} is gone or was cut"
    assert rest.data == b"new\n"
    assert current(log) != cut


def test_nothing_is_invented_while_the_only_file_is_gone(log: LogFiles) -> None:
    position = Position("access.0000000000000000009.jsonl", 10)

    assert read(log, position, now=99) is None
