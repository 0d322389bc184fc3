"""Secrets in files: ours alone, or not read at all."""

import os
from pathlib import Path

import pytest

from control_plane.discovery.private_file import MAX_SECRET, read_secret
from control_plane.model.problem import InvalidValueError


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("0f2d\n")
    path.chmod(0o600)
    return path


def test_the_text_is_read_without_what_surrounds_it(token: Path) -> None:
    assert read_secret(token) == "0f2d"


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o644])
def test_a_file_that_others_can_use_is_refused(token: Path, mode: int) -> None:
    token.chmod(mode)

    with pytest.raises(InvalidValueError, match="chmod 600"):
        read_secret(token)


@pytest.mark.parametrize("content", [b"", b" \n", b"x" * (MAX_SECRET + 1), b"\xff\xfe"])
def test_what_is_no_secret_is_refused(token: Path, content: bytes) -> None:
    token.write_bytes(content)

    with pytest.raises(InvalidValueError, match="token"):
        read_secret(token)


def test_a_pipe_in_its_place_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(InvalidValueError, match="plain file"):
        read_secret(tmp_path / "pipe")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="cannot read"):
        read_secret(tmp_path / "none")
