from pathlib import Path

import pytest

from control_plane.store import binaries
from control_plane.store.binaries import Binaries
from control_plane.store.errors import UnusableDatabaseError


def program(directory: Path, name: str, output: str = "") -> None:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\necho '{output}'\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("postgres (PostgreSQL) 18.6", (18, "18.6")),
        ("postgres (PostgreSQL) 15.4 (Debian 15.4-1)", (15, "15.4")),
        ("postgres (PostgreSQL) 19beta1", (19, "19beta1")),
    ],
)
def test_the_version_is_read(tmp_path: Path, output: str, expected: tuple[int, str]) -> None:
    program(tmp_path, "postgres", output)

    assert Binaries(tmp_path).version() == expected


@pytest.mark.parametrize("output", ["postgres (PostgreSQL) 13.9", "something else", ""])
def test_a_program_that_is_too_old_or_another_is_refused(tmp_path: Path, output: str) -> None:
    program(tmp_path, "postgres", output)

    with pytest.raises(UnusableDatabaseError, match=r"expected PostgreSQL 14 or newer.*pip install"):
        Binaries(tmp_path).version()


def test_a_program_that_does_not_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableDatabaseError, match=f"{tmp_path}/postgres does not run"):
        Binaries(tmp_path).version()


def test_without_the_wheel_the_systems_newest_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("9.6", "14", "16"):
        program(tmp_path / version / "bin", "postgres")
        program(tmp_path / version / "bin", "initdb")
    program(tmp_path / "17" / "bin", "postgres")  # half an installation
    monkeypatch.setattr(binaries, "_in_wheel", lambda: None)
    monkeypatch.setattr(binaries, "_on_path", lambda: None)
    monkeypatch.setattr(binaries, "_DEBIAN", tmp_path)

    assert binaries.find().bin == tmp_path / "16" / "bin"


def test_no_postgresql_at_all_is_an_error_with_three_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "_in_wheel", lambda: None)
    monkeypatch.setattr(binaries, "_on_path", lambda: None)
    monkeypatch.setattr(binaries, "_DEBIAN", tmp_path)

    with pytest.raises(UnusableDatabaseError, match=r"pip install .* postgresql, or set a database URL"):
        binaries.find()
