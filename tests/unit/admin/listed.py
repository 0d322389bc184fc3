"""The lists of the API as its own document describes them, and every other array that it answers with."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

_CURSORS = ("after", "before")


@dataclass(frozen=True, slots=True)
class Listed:
    """An operation that answers with a page; ``cursor`` is the parameter that takes a page's ``next``."""

    path: str
    cursor: str


def paged(document: Document) -> list[Listed]:
    """Every list that is read page by page."""
    found = []
    for path, _, operation, answer in _read(document):
        names = {each["name"] for each in operation["parameters"]}
        cursor = next((name for name in _CURSORS if name in names), None)
        if cursor and "limit" in names and {"items", "next"} <= answer.get("properties", {}).keys():
            found.append(Listed(path, cursor))
    return found


def arrays(document: Document) -> set[tuple[str, str]]:
    """The path and the field of every array that an answer consists of; no field: it is the answer.

    What is said of one thing that a path names at its end belongs to that thing, and is no list of its own.
    """
    found = set()
    for path, _, _, answer in _read(document):
        if path.endswith("}"):
            continue
        if answer.get("type") == "array":
            found.add((path, ""))
        for name, field in answer.get("properties", {}).items():
            if _resolved(document, field).get("type") == "array":
                found.add((path, name))
    return found


def _read(document: Document) -> Iterator[tuple[str, str, Document, Document]]:
    """Every GET with the schema of its answer."""
    for path, methods in sorted(document["paths"].items()):
        operation = methods.get("get")
        content = operation["responses"].get("200", {}).get("content", {}) if operation else {}
        if "application/json" in content:
            yield path, "get", operation, _resolved(document, content["application/json"]["schema"])


def _resolved(document: Document, schema: Document) -> Document:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Document = document["components"]["schemas"][name] if name else schema
    return found
