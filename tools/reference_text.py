"""Markdown for the reference: tables, and words of the code as words for people."""

import re
from collections.abc import Iterable, Sequence


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells may hold anything but are one line."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(cell(each) for each in line) + " |" for line in lines)


def cell(text: str) -> str:
    """``text`` as one cell of a table; in code a bar stays a bar."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def code(text: str) -> str:
    """``text`` as code, or nothing."""
    return f"`{text}`" if text else ""


def prose(text: str) -> str:
    """A docstring as Markdown: double backticks become single ones; what looks like HTML does not vanish."""
    single = text.replace("``", "`").strip()
    parts = re.split(r"(`[^`]*`)", single)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def sentence(text: str) -> str:
    """``text`` with a capital in front and without the full stop at its end."""
    text = prose(text)
    return text[:1].upper() + text[1:].rstrip(".")
