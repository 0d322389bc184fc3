"""The API's documentation as a page of the package: made from the OpenAPI document and the list of codes.

It says nothing of this organisation, so it needs no token; it runs no script, and loads our own style only.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from control_plane.admin.codes import CODES, Code
from control_plane.admin.dashboard.forms import html
from control_plane.admin.dashboard.render import render
from control_plane.admin.openapi import Document, describe
from control_plane.admin.operation import Route

PATH = "/api/docs"
_DEEP = 3  # levels of a type that are written out
_REF = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body or an answer."""

    name: str
    type: str
    required: bool
    text: str


@dataclass(frozen=True, slots=True)
class Described:
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    role: str
    parameters: tuple[Field, ...]
    bodies: tuple[tuple[str, str, str], ...]  # media type, name of the schema, type
    status: str
    answers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """A type that operations share."""

    name: str
    text: str
    fields: tuple[Field, ...]
    values: tuple[str, ...]


def add_to(app: web.Application, routes: Sequence[Route], *, version: str) -> None:
    """Serve the page; it is made at the first request, and stays as it is."""
    made: list[str] = []

    async def show(_: web.Request) -> web.StreamResponse:
        if not made:
            made.append(await asyncio.to_thread(lambda: page(describe(routes, version=version), CODES)))
        return html(made[0])

    app.router.add_get(PATH, show)


def page(document: Document, codes: Mapping[str, Code]) -> str:
    """The whole page. Pure."""
    groups: dict[str, list[Described]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    schemas = [_schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    values = {
        "version": document["info"]["version"],
        "groups": sorted(groups.items()),
        "schemas": schemas,
        "codes": sorted(codes.items()),
    }
    return render("api_docs.html", values)


def _operation(method: str, path: str, operation: Document) -> Described:
    status = min(operation["responses"])
    content = operation["responses"][status].get("content", {})
    bodies = operation.get("requestBody", {}).get("content", {})
    return Described(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        role=operation.get("x-role", ""),
        parameters=tuple(_parameter(each) for each in operation["parameters"]),
        bodies=tuple(_content(media, each["schema"]) for media, each in bodies.items()),
        status=status,
        answers=tuple(_content(media, each["schema"]) for media, each in content.items()),
    )


def _content(media: str, schema: Document) -> tuple[str, str, str]:
    return media, schema.get("$ref", "").removeprefix(_REF), schema.get("description") or _type(schema)


def _parameter(parameter: Document) -> Field:
    schema = parameter["schema"]
    text = parameter.get("description") or schema.get("description", "")
    where = "" if parameter["in"] == "query" else f" ({parameter['in']})"
    return Field(parameter["name"] + where, _type(schema), bool(parameter.get("required")), text)


def _schema(name: str, schema: Document) -> Schema:
    required = schema.get("required", ())
    fields = tuple(
        Field(field, _type(about), field in required, about.get("description", ""))
        for field, about in schema.get("properties", {}).items()
    )
    return Schema(name, schema.get("description", ""), fields, tuple(map(str, schema.get("enum", ()))))


def _type(schema: Document, deep: int = _DEEP) -> str:
    """A type in words; bounded, since types may name one another."""
    if deep == 0:
        return "…"
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(_type(each, deep - 1) for each in schema[word]))
    return _plain(schema, deep)


def _plain(schema: Document, deep: int) -> str:
    kind: Any = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}), deep - 1)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'], deep - 1)}"
    if "const" in schema:
        return str(schema["const"])
    text = f"{kind} ({schema['format']})" if "format" in schema else str(kind)
    default = schema.get("default")
    return text if default in (None, "", [], {}) else f"{text}, by default {default}"
