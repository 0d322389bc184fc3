"""The API's own description: an OpenAPI 3.1 document, made from the values that the server is built from.

Pure. What the types say of themselves (pydantic) becomes the schemas, so the document cannot say anything
else than what is checked when a request arrives.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from control_plane.admin.codes import CODES
from control_plane.admin.operation import JSON, Call, Nothing, Operation, Reply, Route, group_of, route
from control_plane.admin.problems import MEDIA_TYPE

PATH = "/openapi.json"
VERSION = "3.1.0"
_PARAMETER = re.compile(r"{(\w+)}")
_REF = "#/components/schemas/{model}"
_IN, _OUT = "validation", "serialization"

Document = dict[str, Any]
_ETAG: Document = {"type": "string", "pattern": r'^(\*|"[0-9]{1,18}")$'}
_KEY: Document = {"type": "string", "pattern": "^[!-~]{1,255}$"}
_EVENT_ID: Document = {"type": "string", "pattern": "^[0-9]{1,18}-[0-9]{1,18}$"}
Schemas = Mapping[tuple[str, str], Document]

_PROBLEM: Document = {
    "type": "object",
    "description": "RFC 9457. `code` is stable, `hint` the next step, `errors` every fault of a body.",
    "required": ["type", "title", "status", "detail", "code", "hint", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(CODES)},
        "hint": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": _REF.format(model="FieldError")}},
    },
}
_FIELD_ERROR: Document = {
    "type": "object",
    "description": "`path` is a JSON pointer into the body or the query, `line` that of a JSON lines body.",
    "required": ["path", "code", "detail"],
    "properties": {
        "path": {"type": "string"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "line": {"type": "integer"},
    },
}


def describe(routes: Sequence[Route], *, version: str) -> Document:
    """The document of ``routes``, whose operations share paths and methods by the body's type."""
    operations = [route.operation for route in routes]
    schemas, definitions = _schemas(operations)
    paths: dict[str, Document] = {}
    for operation in operations:
        place = paths.setdefault(operation.path, {})
        method = operation.method.lower()
        described = _operation(operation, schemas)
        place[method] = _joined(place[method], described) if method in place else described
    return {
        "openapi": VERSION,
        "info": {"title": "Proxenia", "version": version, "license": {"name": "Apache-2.0"}},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": _named(definitions),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _named(definitions: Document) -> Document:
    """With those of refusals. Raises ValueError when the type of an answer would be lost by that."""
    own = {"ProblemDetails": _PROBLEM, "FieldError": _FIELD_ERROR}
    if taken := own.keys() & definitions.keys():
        raise ValueError(f"expected other names of types, got {', '.join(sorted(taken))}")
    return definitions | own


def openapi_route(routes: Sequence[Route]) -> Route:
    """The operation that answers with the document of ``routes`` and of itself."""
    made: list[Document] = []

    @route(Operation("GET", PATH, Nothing, dict[str, Any], "This API as an OpenAPI document"))
    async def openapi(call: Call, _: Nothing) -> Reply:
        if not made:
            described = partial(describe, (*routes, openapi), version=call.deps.version)
            made.append(await asyncio.to_thread(described))  # it takes a while, once
        return Reply(made[0])

    return openapi


def _schemas(operations: Iterable[Operation[Any]]) -> tuple[Schemas, Document]:
    """Each input's and each answer's schema, and the definitions that they refer to."""
    wanted = []
    for operation in operations:
        key = _key(operation)
        wanted.append(((key, _IN), _IN, TypeAdapter(operation.takes)))
        if operation.answers is not None:
            wanted.append(((key, _OUT), _OUT, TypeAdapter(operation.answers)))
    found, document = TypeAdapter.json_schemas(wanted, ref_template=_REF)  # type: ignore[arg-type]  # any hashable key will do
    definitions: Document = document.get("$defs", {})
    schemas = {key: _resolved(schema, definitions, mode=key[1]) for (key, _), schema in found.items()}
    return schemas, definitions


def _key(operation: Operation[Any]) -> str:
    return f"{operation.method} {operation.path} {operation.media}"


def _resolved(schema: Document, definitions: Document, *, mode: str) -> Document:
    """An input that is a query has to be seen through; answers stay references."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**definitions[name], "$ref": schema["$ref"]} if mode == _IN and name in definitions else schema


def _operation(operation: Operation[Any], schemas: Schemas) -> Document:
    key = _key(operation)
    takes = schemas[key, _IN]
    described: Document = {
        "operationId": _identifier(operation),
        "tags": [group_of(operation.path)],
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation), *(_query(takes) if operation.takes_query else ())],
        "responses": {
            str(operation.status): _success(operation, schemas.get((key, _OUT))),
            "default": _failure(),
        },
        "security": [] if operation.role is None else [{"token": []}],
    }
    if operation.role is not None:
        described["x-role"] = operation.role.value
    if not operation.takes_query:
        described["requestBody"] = {
            "required": bool(takes.get("required")),
            "content": {operation.media: {"schema": _body(operation, takes)}},
        }
    return described


def _body(operation: Operation[Any], takes: Document) -> Document:
    """Of JSON lines a schema can only say that they are text: each line is what the description names."""
    if operation.media == JSON:
        return {"$ref": takes["$ref"]}
    return {"type": "string", "description": f"One {takes['$ref'].rpartition('/')[2]} a line"}


def _identifier(operation: Operation[Any]) -> str:
    words = re.findall(r"[a-z0-9]+", operation.path.removeprefix("/api/v1"))
    return "_".join([operation.method.lower(), *words])


def _path_parameters(operation: Operation[Any]) -> list[Document]:
    names = _PARAMETER.findall(operation.path)
    found: list[Document] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in names
    ]
    if operation.produces == "text/event-stream":
        what = "The id of the last event that was seen"
        found.append({"name": "Last-Event-ID", "in": "header", "description": what, "schema": _EVENT_ID})
    if operation.takes_key:
        what = "Makes a repeated request be done once, and answered as it was"
        found.append({"name": "Idempotency-Key", "in": "header", "description": what, "schema": _KEY})
    if names and operation.method != "GET":
        what = "The ETag that the object must still have"
        found.append({"name": "If-Match", "in": "header", "description": what, "schema": _ETAG})
    return found


def _query(takes: Document) -> list[Document]:
    required = takes.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in takes.get("properties", {}).items()
    ]


def _success(operation: Operation[Any], answers: Document | None) -> Document:
    said: Document = {"description": HTTPStatus(operation.status).phrase}
    if answers is not None:
        schema = answers if operation.produces == JSON else {"type": "string"}
        said["content"] = {operation.produces: {"schema": schema}}
    return said


def _failure() -> Document:
    schema = {"$ref": _REF.format(model="ProblemDetails")}
    return {"description": "Nothing was done", "content": {MEDIA_TYPE: {"schema": schema}}}


def _joined(first: Document, second: Document) -> Document:
    """Two operations of one method and path, told apart by the type of their body."""
    responses = dict(first["responses"])
    for status, said in second["responses"].items():
        if status in responses and status != "default":
            schemas = [answer["content"][JSON]["schema"] for answer in (responses[status], said)]
            said = {**said, "content": {JSON: {"schema": {"anyOf": schemas}}}}  # noqa: PLW2901 - the same, widened
        responses[status] = said
    bodies = {**first["requestBody"]["content"], **second["requestBody"]["content"]}
    return {**first, "responses": responses, "requestBody": {**first["requestBody"], "content": bodies}}
