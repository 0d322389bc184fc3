"""The files behind a log's one name."""

from pathlib import Path

import pytest

from control_plane.gateway.log_files import LogFiles


@pytest.fixture
def log(tmp_path: Path) -> LogFiles:
    return LogFiles(tmp_path, "access")


def link(log: LogFiles) -> Path:
    return log.directory / "access.jsonl"


def test_envoys_name_leads_to_a_numbered_file(log: LogFiles) -> None:
    log.begin(1700)

    assert link(log).readlink().name == "access.0000000000000001700.jsonl"
    assert log.names() == ["access.0000000000000001700.jsonl"]


def test_an_envoy_that_starts_again_gets_a_file_of_its_own(log: LogFiles) -> None:
    log.begin(1)
    link(log).write_text("row\n")

    log.begin(2)

    assert len(log.names()) == 2
    assert log.size(log.names()[1]) == 0


def test_an_envoy_that_wrote_nothing_leaves_no_file_behind(log: LogFiles) -> None:
    for now in range(5):
        log.begin(now)

    assert len(log.names()) == 1


def test_numbers_grow_even_when_the_clock_goes_back(log: LogFiles) -> None:
    log.begin(1000)
    link(log).write_text("row\n")
    log.begin(5)

    assert log.names() == ["access.0000000000000001000.jsonl", "access.0000000000000001001.jsonl"]


def test_a_long_log_goes_on_in_a_file_that_envoy_has_to_open(log: LogFiles) -> None:
    log.begin(1)
    link(log).write_text("0123456789")

    short = log.rotate(2, limit=11)
    long = log.rotate(3, limit=10)
    again = log.rotate(4, limit=10)
    link(log).touch()  # Envoy opens it
    opened = log.rotate(5, limit=10)

    assert (short, long, again, opened) == (False, True, True, False)
    assert log.current() == "access.0000000000000000003.jsonl"


def test_a_file_without_its_link_counts_as_a_file_of_the_log(log: LogFiles) -> None:
    link(log).write_text("written by an Envoy that nobody prepared\n")

    log.begin(7)

    assert log.names() == ["access.0000000000000000007.jsonl", "access.0000000000000000008.jsonl"]
    assert "nobody prepared" in (log.directory / log.names()[0]).read_text()


def test_only_older_files_are_discarded(log: LogFiles) -> None:
    for now in (1, 2, 3):
        log.begin(now)
        link(log).write_text("row\n")
    (log.directory / "accessory.0000000000000000001.jsonl").touch()

    log.discard(log.names()[1])

    assert log.names() == ["access.0000000000000000002.jsonl", "access.0000000000000000003.jsonl"]
    assert (log.directory / "accessory.0000000000000000001.jsonl").exists()
