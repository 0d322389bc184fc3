"""Every command that the documents show is run by a test, and names what exists."""

import re
import shlex
from pathlib import Path

import click
import pytest

from control_plane.cli.main import main
from tests.docs.blocks import Block, blocks, commands, outside
from tests.docs.pages import COMMANDS, FOLLOWED, documents, followed

PAGES = documents()
INLINE = re.compile(r"`(proxenia [^`]+)`")
TYPED = re.compile(
    r"^\s*(?:\$|proxenia|make|curl|docker|systemctl|sudo|pip|python3?|psql|openssl) ", re.MULTILINE
)
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")


@EACH
def test_every_block_says_what_it_is(page: Path) -> None:
    bare = [block.where for block in blocks(page) if not block.language]

    assert not bare, "write ```sh, ```console, or ```text behind the fence (tests/docs/blocks.py)"


@EACH
def test_every_block_of_commands_is_on_a_page_that_is_followed(page: Path) -> None:
    names = {each.file for each in FOLLOWED}

    assert not followed(page) or page in names, "add the page to tests/docs/pages.py"


@EACH
def test_nothing_else_hides_a_command_or_a_file(page: Path) -> None:
    others = [block for block in blocks(page) if block not in followed(page)]

    assert not [block.where for block in others if TYPED.search(block.text)]
    assert not [block.where for block in others if block.language != "text"], "say file=… or text"


def test_every_page_that_is_followed_exists_and_has_something_to_follow() -> None:
    assert not [page.path for page in FOLLOWED if not followed(page.file)]
    assert len({page.path for page in FOLLOWED}) == len(FOLLOWED)


@EACH
def test_every_command_in_a_sentence_has_the_verbs_and_options_that_exist(page: Path) -> None:
    text = re.sub(r"\s+", " ", "".join(outside(page.read_text(encoding="utf-8"))))

    assert not [command for command in INLINE.findall(text) if fault(command)]


def test_an_invented_verb_or_option_is_found() -> None:
    assert fault("proxenia grant invent orders")
    assert fault("proxenia grant list --invented")
    assert fault("proxenia --invented grant list")
    assert not fault("proxenia grant add orders novgorod.example --until 2027-01-01T00:00")
    assert not fault("proxenia agreement")


def fault(command: str) -> str:
    """The first word of a ``proxenia`` command that means nothing; empty when all do."""
    try:
        words = shlex.split(command, comments=True)[1:]
    except ValueError:
        return command
    verb: click.Command = main
    context = click.Context(main)
    for word in words:
        if word.startswith("-") and word.partition("=")[0] not in options(verb) | {"--help", "-h"}:
            return word
        if isinstance(verb, click.Group) and re.fullmatch(r"[a-z][a-z-]*", word):
            found = verb.get_command(context, word)
            if found is None:
                return word
            verb = found
    return ""


def options(command: click.Command) -> set[str]:
    """What may stand behind a verb with a dash in front."""
    named = (each for each in command.params if isinstance(each, click.Option))
    return {name for each in named for name in (*each.opts, *each.secondary_opts)} | {"-"}


def test_a_console_is_read_as_it_is_shown(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console at=b\n$ one \\\n  two # exit code 1\nshown …\n…\nend\n$ three\n```\n")

    (block,) = blocks(page)
    first, second = commands(block)

    assert block.words == {"at": "b"}
    assert (first.text, first.code) == ("one \\\n  two", 1)
    assert first.pattern.fullmatch("shown at last\nmore\nand more\nend\n")
    assert first.pattern.fullmatch("shown \nend\n")
    assert not first.pattern.fullmatch("shown\nending\n")
    assert (second.text, second.code, second.shown) == ("three", 0, [])


def test_a_block_that_is_a_file_is_followed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```yaml file=a.yaml\nnodes: []\n```\n\n```text\nno command\n```\n")

    assert [each.language for each in followed(page)] == ["yaml"]
    assert isinstance(followed(page)[0], Block)
    assert "console" in COMMANDS
