"""How far the logs were shipped, across restarts."""

from pathlib import Path

import pytest

from control_plane.gateway.checkpoints import Checkpoints, read_checkpoints
from control_plane.gateway.positions import Position

FIRST, SECOND = Position("access.1.jsonl", 10), Position("access.2.jsonl", 5)


def loaded(path: Path) -> Checkpoints:
    found = Checkpoints(path)
    found.load()
    return found


def test_a_position_survives_the_agent(tmp_path: Path) -> None:
    loaded(tmp_path / "agent.json").move("access", FIRST)

    found = loaded(tmp_path / "agent.json")

    assert found.get("access") == FIRST
    assert found.get("outlier") is None


def test_the_control_planes_word_counts_when_it_is_further(tmp_path: Path) -> None:
    checkpoints = loaded(tmp_path / "agent.json")
    checkpoints.move("access", FIRST)
    checkpoints.move("listener", SECOND)

    checkpoints.advance({"access": SECOND, "listener": FIRST, "outlier": FIRST})

    assert [checkpoints.get(name) for name in ("access", "listener", "outlier")] == [SECOND, SECOND, FIRST]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"access": 1}', '{"access": {"file": "a", "offset": -1}}'])
def test_a_damaged_file_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "agent.json").write_text(text)

    with pytest.raises(ValueError):  # noqa: PT011 - json's own error is one as well
        loaded(tmp_path / "agent.json")


def test_streams_that_nobody_ships_are_left_out() -> None:
    assert read_checkpoints({"other": {}, "access": {"file": "f", "offset": 1}}) == {
        "access": Position("f", 1)
    }
