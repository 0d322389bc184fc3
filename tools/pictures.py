"""Write the pictures of docs/concepts.md below docs/pictures/ from the tables in this file.

    python -m tools.pictures           write them
    python -m tools.pictures --check   exit 1 when a written one differs

Each is an SVG of boxes, arrows and texts. Its colours are the reader's: light or dark, as the page asks.
"""

import sys
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Literal, NamedTuple

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"
LINE = 18  # pixels from one line of text to the next
STYLE = """
svg { font: 14px system-ui, "DejaVu Sans", sans-serif; --ink: #1f2933; --soft: #52606d; --paper: #ffffff;
  --home: #dbeafe; --away: #dcfce7; --plain: #f1f5f9; --bad: #fee2e2; --edge: #64748b; --strong: #1d4ed8; }
@media (prefers-color-scheme: dark) { svg { --ink: #e5e9f0; --soft: #b0bac6; --paper: #0d1117;
  --home: #1e3a5f; --away: #14432a; --plain: #252d38; --bad: #5b2327; --edge: #8b98a9; --strong: #7fb0ff; } }
.paper { fill: var(--paper); } text { fill: var(--ink); } .soft { fill: var(--soft); }
.home { fill: var(--home); } .away { fill: var(--away); } .plain { fill: var(--plain); }
.bad { fill: var(--bad); } .title { font-weight: 600; }
rect.home, rect.away, rect.plain, rect.bad { stroke: var(--edge); }
.group { fill: none; stroke: var(--edge); stroke-dasharray: 5 4; }
.life { stroke: var(--edge); stroke-dasharray: 3 4; }
.arrow { stroke: var(--edge); stroke-width: 1.6; fill: none; }
.strong { stroke: var(--strong); stroke-width: 2.6; }
.dotted { stroke-dasharray: 4 4; } .head { fill: var(--edge); } .headstrong { fill: var(--strong); }
"""
HEADS = "".join(
    f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="{size}" markerHeight="{size}" '
    f'orient="auto-start-reverse"><path class="{kind}" d="M0 0 10 5 0 10z"/></marker>'
    for name, kind, size in (("h", "head", 8), ("s", "headstrong", 6))
)


class Box(NamedTuple):
    """A rectangle with a title and lines below it."""

    x: int
    y: int
    width: int
    height: int
    title: str
    lines: tuple[str, ...] = ()
    kind: str = "plain"

    def svg(self) -> str:
        """The rectangle, and its texts in the middle; of a group, in its corner."""
        place = f'x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}"'
        rect = f'<rect class="{self.kind}" {place} rx="8"/>'
        if self.kind == "group":
            return rect + text(self.x + 12, self.y + 22, self.title, "title", "start")
        first = self.y + (self.height - LINE * len(self.lines)) // 2 + 5
        middle = self.x + self.width // 2
        texts = [text(middle, first, self.title, "title")]
        texts += [text(middle, first + LINE * n, line, "soft") for n, line in enumerate(self.lines, 1)]
        return rect + "".join(texts)


class Arrow(NamedTuple):
    """A line with a head, along its points; the label stands where ``at`` says."""

    points: tuple[tuple[int, int], ...]
    label: str = ""
    at: tuple[int, int] | None = None
    kind: Literal["", "strong", "dotted"] = ""

    def svg(self) -> str:
        """The line and its label."""
        path = " ".join(f"{'ML'[n > 0]}{x} {y}" for n, (x, y) in enumerate(self.points))
        head = "s" if self.kind == "strong" else "h"
        line = f'<path class="arrow {self.kind}" d="{path}" marker-end="url(#{head})"/>'
        (x1, y1), (x2, y2) = self.points[0], self.points[-1]
        x, y = self.at or ((x1 + x2) // 2, (y1 + y2) // 2 - 8)
        return line + (text(x, y, self.label) if self.label else "")


class Text(NamedTuple):
    """A text by itself."""

    x: int
    y: int
    words: str
    kind: str = "soft"
    anchor: str = "middle"

    def svg(self) -> str:
        """The text."""
        return text(self.x, self.y, self.words, self.kind, self.anchor)


class Life(NamedTuple):
    """The line of a party of a conversation, below its box."""

    x: int
    y1: int
    y2: int

    def svg(self) -> str:
        """The line."""
        return f'<path class="life" d="M{self.x} {self.y1} L{self.x} {self.y2}"/>'


Part = Box | Arrow | Text | Life


def text(x: int, y: int, words: str, kind: str = "", anchor: str = "middle") -> str:
    """One line of text."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" class="{kind}">{escape(words)}</text>'


def picture(title: str, size: tuple[int, int], parts: Iterable[Part]) -> str:
    """The whole SVG; ``title`` is what it shows, for those who do not see it."""
    width, height = size
    body = "\n".join(part.svg() for part in parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f'<defs>{HEADS}</defs>\n<rect class="paper" width="{width}" height="{height}"/>\n{body}\n</svg>\n'
    )


def main(arguments: Sequence[str]) -> int:
    """Write, or with ``--check`` only compare."""
    from tools.pictures_of_concepts import PICTURES  # noqa: PLC0415 - it is made of the parts above

    stale = []
    for name, (title, size, parts) in PICTURES.items():
        path, wanted = FOLDER / f"{name}.svg", picture(title, size, parts)
        if path.exists() and path.read_text(encoding="utf-8") == wanted:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(wanted, encoding="utf-8")
    if "--check" in arguments:
        print("\n".join(f"docs/pictures/{name}.svg is stale: python -m tools.pictures" for name in stale))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
