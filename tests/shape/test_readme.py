"""The README tells the truth: its commands exist; its reference has every verb and setting that there is."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from control_plane.app.settings import Settings
from control_plane.cli.main import main

CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def commands(readme: str) -> list[list[str]]:
    """The words of each command line in code, without comments."""
    code = "\n".join(block or inline for block, inline in CODE.findall(readme))
    lines = (line.partition(" #")[0].removeprefix("$ ") for line in code.splitlines())
    return [words for line in lines if (words := line.split())]


def unknown(words: list[str]) -> bool:
    """Whether ``words`` (after ``proxenia``) start with a verb that the command line does not have."""
    command: click.Command = main
    context = click.Context(main)
    for word in words:
        if not isinstance(command, click.Group) or not re.fullmatch(r"[a-z][a-z-]*", word):
            return False
        found = command.get_command(context, word)
        if found is None:
            return True
        command = found
    return False


def test_the_first_screen_has_the_two_commands(readme: str) -> None:
    screen = "\n".join(readme.splitlines()[:30])

    assert "make demo" in screen
    assert "make test" in screen


def test_every_make_target_that_the_readme_names_exists(root: Path, commands: list[list[str]]) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {words[1] for words in commands if words[0] == "make" and len(words) > 1}

    assert {"demo", "test", "check", "bench"} <= named
    assert named <= targets


def test_every_verb_that_the_readme_names_exists(commands: list[list[str]]) -> None:
    named = [words[1:] for words in commands if words[0] == "proxenia"]

    assert named
    assert not [words for words in named if unknown(words)]


def test_every_verb_that_exists_is_in_the_reference_that_the_readme_points_to(
    root: Path, readme: str
) -> None:
    listed = re.findall(
        r"^\| \[`proxenia ([a-z-]+)`\]", (root / "docs/reference/cli.md").read_text(), re.MULTILINE
    )
    explained = {
        heading
        for page in (root / "docs/reference/cli").glob("*.md")
        for heading in re.findall(r"^#+ proxenia (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert "](docs/reference/cli.md)" in readme
    assert listed == main.list_commands(click.Context(main))
    assert explained == set(verbs(main))


def verbs(command: click.Command) -> Iterator[str]:
    """Each verb, and each of its verbs."""
    if not isinstance(command, click.Group):
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield name
        yield from (f"{name} {below}" for below in verbs(inner))


def test_the_reference_that_the_readme_points_to_lists_exactly_the_settings_that_exist(
    root: Path, readme: str
) -> None:
    page = (root / "docs/reference/settings.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)

    assert "](docs/reference/settings.md)" in readme
    assert sorted(listed) == sorted(Settings.model_fields)
