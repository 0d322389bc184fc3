"""The API's own description, read by people: every operation, its role, what it takes and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from control_plane.admin.dashboard.page import Page, Values, ask
from control_plane.admin.openapi import PATH
from control_plane.admin.operation import Call, Route

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter or one field of a body."""

    name: str
    place: str  # path, query, header or body
    type: str
    required: bool
    about: str


@dataclass(frozen=True, slots=True)
class Described:
    """One operation."""

    method: str
    path: str
    summary: str
    role: str  # empty: no token is needed
    fields: tuple[Field, ...]
    media: str  # of the body; empty: there is none
    answers: tuple[tuple[str, str], ...]  # status, and what it holds


@dataclass(frozen=True, slots=True)
class Part:
    """Operations about one thing."""

    name: str
    operations: tuple[Described, ...]


def page(routes: Sequence[Route]) -> Page:
    """The page that tells of ``routes``."""
    described = next(each for each in routes if each.operation.path == PATH)

    async def show(call: Call, _: Mapping[str, str]) -> Values:
        document = await ask(call, described)
        return {"parts_": parts_of(document)}

    return Page("api", "API docs", "api.html", show)


def parts_of(document: Document) -> tuple[Part, ...]:
    """An OpenAPI document by what its operations are about."""
    found: dict[str, list[Described]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found.setdefault(operation["tags"][0], []).append(_described(document, method, path, operation))
    return tuple(Part(name, tuple(found[name])) for name in sorted(found))


def _described(document: Document, method: str, path: str, operation: Document) -> Described:
    body = operation.get("requestBody", {}).get("content", {})
    return Described(
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        role=operation.get("x-role", ""),
        fields=(*_parameters(operation), *_fields(document, body)),
        media=", ".join(body),
        answers=tuple(
            (status, ", ".join(_media(answer)) or "nothing")
            for status, answer in operation["responses"].items()
            if status != "default"
        ),
    )


def _media(answer: Document) -> list[str]:
    return [
        f"{media}: {word_of(content.get('schema', {}))}"
        for media, content in answer.get("content", {}).items()
    ]


def _parameters(operation: Document) -> list[Field]:
    return [
        Field(
            each["name"],
            each["in"],
            word_of(each.get("schema", {})),
            bool(each.get("required")),
            each.get("description", ""),
        )
        for each in operation.get("parameters", ())
    ]


def _fields(document: Document, body: Document) -> list[Field]:
    found = []
    for content in body.values():
        schema = content.get("schema", {})
        named = schema.get("$ref", "").rpartition("/")[2]
        whole = {**document["components"]["schemas"].get(named, {}), **schema}
        needed = whole.get("required", ())
        found += [
            Field(name, "body", word_of(about), name in needed, about.get("description", ""))
            for name, about in whole.get("properties", {}).items()
        ]
    return found


def word_of(schema: Document) -> str:
    """A type in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " or ".join(str(each) for each in schema["enum"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(word_of(each) for each in schema[several])
    if schema.get("type") == "array":
        return f"list of {word_of(schema.get('items', {}))}"
    kind = schema.get("type", "anything")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
