"""Text for terminals: what comes from elsewhere cannot move the cursor, and columns line up."""

from collections.abc import Sequence

import click

_GAP = "  "


def clean(text: str) -> str:
    """``text`` with everything that a terminal might act on, or that cannot be seen, written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as their widest cell; no row is cut. Empty cells are shown as ``-``."""
    cells = [[clean(str(cell)) or "-" for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(headers, *cells, strict=True)]
    lines = [list(headers), *cells]
    return "\n".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def fields(document: dict[str, object]) -> str:
    """One field a line, names in a column."""
    width = max(len(name) for name in document)
    return "\n".join(
        f"{clean(name).ljust(width)}{_GAP}{clean(shown(value))}" for name, value in document.items()
    )


def shown(value: object) -> str:
    """A JSON value for people."""
    match value:
        case _ if value in (None, "", [], {}):
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(shown(item) for item in value)
        case dict() if set(value) >= {"host", "port"}:
            return address(value)
        case dict():
            return ", ".join(f"{name}={shown(item)}" for name, item in value.items())
        case _:
            return str(value)


def address(endpoint: dict[str, object]) -> str:
    """``host:port``, with priority and weight where they say something."""
    host = str(endpoint["host"])
    text = f"[{host}]:{endpoint['port']}" if ":" in host else f"{host}:{endpoint['port']}"
    for name, usual in (("priority", 0), ("weight", 1)):
        if endpoint.get(name, usual) != usual:
            text += f",{name}={endpoint[name]}"
    return text


def coloured(text: str, colour: str) -> str:
    """``text`` in a colour; the words say the same without it. click drops it where there is no terminal."""
    context = click.get_current_context(silent=True)
    if context is not None and context.color is False:
        return text
    return click.style(text, fg=colour)
