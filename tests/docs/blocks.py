"""Pages of the documentation as tests see them: fenced blocks, in their order.

    ```sh            commands; each has to end well
    ```console       `$ command`, and what is shown; `…` stands for anything, `# exit code 1` for that end
    ```yaml file=X   a file that the reader writes
    ```text          anything that is neither

Behind the language there may be words that readers do not see: `at=novgorod` (whose machine it is; else as
the test of the page says), `file=…`, `append` (to that file), `dry` (of make: only shown).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>.*)$")
_EXIT = re.compile(r"\s+# exit code (\d+)$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; ``line`` is that of its fence."""

    page: Path
    line: int
    language: str
    words: dict[str, str]
    text: str

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console, how it ends, and the lines that it shows (None: whatever they are)."""

    text: str
    code: int = 0
    shown: list[str] = field(default_factory=list)

    @property
    def pattern(self) -> re.Pattern[str]:
        """What is shown: `…` within a line is anything there, alone on a line any lines."""
        parts = []
        for line in self.shown:
            if line.strip() == "…":
                parts.append(r"(?:.*\n)*?")
            else:
                words = ".*?".join(re.escape(part) for part in re.split("…", line))
                parts.append(re.sub(r"(?:\\ ){2,}", lambda _: " {2,}", words) + r" *\n")
        return re.compile("".join(parts))


def blocks(page: Path) -> list[Block]:
    """The blocks of a page; ValueError for a fence that is not closed."""
    found: list[Block] = []
    opened: tuple[int, str, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, lines = (number, fence["info"].strip(), fence["indent"]), []
        elif opened is not None and fence and not fence["info"].strip():
            language, *words = opened[1].split() or [""]
            told = {name: value for name, _, value in (word.partition("=") for word in words)}
            found.append(Block(page, opened[0], language, told, "\n".join(lines) + "\n"))
            opened = None
        elif opened is not None:
            lines.append(line.removeprefix(opened[2]))
    if opened is not None:
        message = f"expected an end of the block at {page.name}:{opened[0]}"
        raise ValueError(message)
    return found


def outside(text: str) -> Iterator[str]:
    """The lines of a page that are in no block."""
    inside = False
    for line in text.splitlines(keepends=True):
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            yield line


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console, each with what is shown after it."""
    text, shown = "", list[str]()
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if text:
                yield _command(text, shown)
            text, shown = line[2:], []
        elif text.endswith("\\") and not shown:
            text += "\n" + line.removeprefix("> ")
        else:
            shown.append(line)
    if text:
        yield _command(text, shown)


def _command(text: str, shown: list[str]) -> Command:
    said = _EXIT.search(text)
    return Command(text[: said.start()] if said else text, int(said[1]) if said else 0, shown)
