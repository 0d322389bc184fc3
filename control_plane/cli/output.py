"""How every command shows what it has: for people, for programs, or as names for the next command.

Data goes to standard output, everything else to standard error. The formats differ in nothing but their form:
exit codes are the same, and ``json`` and ``yaml`` hold the API's document with the version of the API.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from control_plane.cli.text import clean, shown, table

TABLE, WIDE, JSON, YAML, NAME = FORMATS = ("table", "wide", "json", "yaml", "name")
API_VERSION = "v1"
# What a document that is not in a list is called, by the first of these fields that it has.
_NAMED_BY = ("key", "id", "gateway", "organisation", "name", "removed", "verdict", "version")

Document = dict[str, Any]
Named = Callable[[Document], str]

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(FORMATS),
    default=TABLE,
    show_default=True,
    help="For people (wide: with more columns), the API's document, or names alone.",
)


@dataclass(frozen=True, slots=True)
class Column:
    """A head, and a field's name or what makes a cell of an item. ``wide``: only with -o wide."""

    head: str
    of: str | Callable[[Document], object]
    wide: bool = False

    def cell(self, item: Document) -> str:
        """What stands in the column for ``item``."""
        return shown(item[self.of] if isinstance(self.of, str) else self.of(item))


@dataclass(frozen=True, slots=True)
class Table:
    """How the items of a list are shown; ``name`` is what other commands take as an item's name.

    ``each`` makes several rows of an item.
    """

    columns: tuple[Column, ...]
    name: str | Named = "id"
    each: Callable[[Document], Iterable[Document]] | None = None

    def text(self, items: Sequence[Document], *, wide: bool = False) -> str:
        """The items in columns."""
        columns = [column for column in self.columns if wide or not column.wide]
        rows = [row for item in items for row in (self.each(item) if self.each else (item,))]
        return table(
            [column.head for column in columns], [[column.cell(row) for column in columns] for row in rows]
        )

    def names(self, items: Iterable[Document]) -> list[str]:
        """The items by name; none twice."""
        named = (item[self.name] if isinstance(self.name, str) else self.name(item) for item in items)
        return list(dict.fromkeys(str(name) for name in named))


def node_name(item: Mapping[str, Any]) -> str:
    """A node as commands take it."""
    return f"{item['node_id']}@{item['organisation']}"


def show(
    document: Document,
    output: str,
    text: Callable[[], str],
    *,
    names: Callable[[], Iterable[str]] | None = None,
    more: Callable[[], str] | None = None,
) -> None:
    """Write one document; ``more`` is the text with -o wide, ``names`` are those with -o name."""
    if output == NAME:
        for name in names() if names else (name_of(document),):
            click.echo(clean(name))
        return
    shape = more if output == WIDE and more else text
    click.echo(written(document, output) if output in {JSON, YAML} else shape())


def show_list(document: Document, output: str, view: Table) -> None:
    """Write a list; that there is more is told beside it, on standard error."""
    items = document["items"]
    show(
        document,
        output,
        lambda: view.text(items),
        names=lambda: view.names(items),
        more=lambda: view.text(items, wide=True),
    )
    warn_of_more(document)


def warn_of_more(document: Document) -> None:
    """Say beside a list that there is more of it."""
    if document.get("next") is not None:
        number = len(document["items"])
        click.echo(f"proxenia: these are the first {number}, there are more; raise --limit", err=True)


def show_event(document: Document, output: str, text: Callable[[], str], *, name: str) -> None:
    """Write one of many documents that come one after the other: each is a line of JSON."""
    if output == JSON:
        click.echo(json.dumps(_versioned(document)))
    elif output == YAML:
        click.echo("---\n" + written(document, YAML))
    else:
        click.echo(clean(name) if output == NAME else text())


def written(document: Document, output: str) -> str:
    """The document as JSON or YAML, with the version of the API. Neither holds what moves a cursor."""
    versioned = _versioned(document)
    if output == JSON:
        return json.dumps(versioned, indent=2)
    import yaml  # noqa: PLC0415 - only whoever asks for YAML waits for it

    return yaml.safe_dump(versioned, sort_keys=False).rstrip("\n")


def name_of(document: Document) -> str:
    """What a document is called; a dash when it has no name."""
    if "node_id" in document and "organisation" in document:
        return node_name(document)
    return next((str(document[field]) for field in _NAMED_BY if document.get(field)), "-")


def _versioned(document: Document) -> Document:
    return {"api_version": API_VERSION, **document}
