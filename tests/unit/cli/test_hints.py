"""The next steps that explanations name are commands that exist."""

import re
from pathlib import Path

import click
import pytest

from control_plane.cli.main import main

ROOT = Path(__file__).parents[3] / "control_plane"
SOURCES = [
    *sorted((ROOT / "plan").rglob("*.py")),
    ROOT / "admin" / "codes.py",
    ROOT / "admin" / "check_codes.py",
    ROOT / "reconcile" / "judge.py",
]
COMMAND = re.compile(r"proxenia ([a-z]+)(?: ([a-z-]+))?")


def exists(first: str, second: str | None) -> bool:
    command = main.get_command(click.Context(main), first)
    if not isinstance(command, click.Group):
        return command is not None
    return second is None or command.get_command(click.Context(command), second) is not None


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_is_advised_exists(source: Path) -> None:
    text = " ".join(source.read_text(encoding="utf-8").split())

    advised = set(COMMAND.findall(text))

    assert {" ".join(words).strip() for words in advised if not exists(words[0], words[1] or None)} == set()
