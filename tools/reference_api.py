"""The pages of the API, from its own OpenAPI document."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from control_plane import __version__
from control_plane.admin.app import ROUTES
from control_plane.admin.openapi import describe
from tools.reference_text import code, prose, sentence, table

HEAD = """# HTTP API

Below `/api/v1` on the socket `run/admin.sock` in the state directory, where the operator is whoever may open
it; and on `admin_listen` with `Authorization: Bearer TOKEN` (`proxenia token new`), or a client's
certificate. The running control plane describes the same as an OpenAPI document, `GET /openapi.json`.

* Bodies are JSON; unknown fields are refused. Errors are `application/problem+json`; their `code` is one of
  [codes](codes.md).
* A list answers `items` and `next`; give `next` back as `after` to read on.
* An object is answered with an `ETag`; with `If-Match` a change is only made to what was read.
* A role may do what the ones before it may: `viewer`, `operator`, `admin`.

{operations}
"""
# Types that are explained on another page than those of the operations.
_ELSEWHERE = {"ProblemDetails": "../codes.md", "FieldError": "../codes.md"}
_METHODS = ("get", "post", "put", "patch", "delete")

Document = dict[str, Any]


def pages() -> dict[str, str]:
    """The list of operations, and a page for each of their tags."""
    document = describe(ROUTES, version=__version__)
    tags: dict[str, list[tuple[str, str, Document]]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                tags[methods[method]["tags"][0]].append((method.upper(), path, methods[method]))
    found = {f"api/{_file(tag)}": _page(tag, tags[tag], document) for tag in sorted(tags)}
    rows = [
        (f"[`{method} {path}`](api/{_file(tag)}#{operation['operationId']})", sentence(operation["summary"]))
        for tag in sorted(tags)
        for method, path, operation in tags[tag]
    ]
    found["api.md"] = HEAD.format(operations=table(("operation", "what it does"), rows))
    return found


def _file(tag: str) -> str:
    return f"{re.sub(r'[^a-z0-9-]', '-', tag)}.md"


def _page(tag: str, operations: list[tuple[str, str, Document]], document: Document) -> str:
    schemas = document["components"]["schemas"]
    parts = [f"# API: {tag}\n"]
    for method, path, operation in operations:
        parts += _operation(f"{method} {path}", operation)
    wanted = _reached([operation for _, _, operation in operations], schemas)
    if wanted:
        parts.append("## Types\n")
    for name in wanted:
        parts += _type(name, schemas[name])
    return "\n".join(parts)


def _operation(title: str, operation: Document) -> Iterator[str]:
    yield f'<a id="{operation["operationId"]}"></a>\n\n## `{title}`\n'
    role = operation.get("x-role")
    yield f"{sentence(operation['summary'])}. {f'Role: {role}.' if role else 'No token is needed.'}\n"
    queries = [each for each in operation["parameters"] if each["in"] != "path"]
    if queries:
        rows = [
            (
                code(each["name"]) + (" (header)" if each["in"] == "header" else ""),
                _shape(each["schema"]) + (", required" if each["required"] else "")
                if each["in"] == "query"
                else each["description"],
            )
            for each in queries
        ]
        yield table(("parameter", "value"), rows) + "\n"
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"Body (`{media}`): {_body(content['schema'])}.\n"
    for status, answer in sorted(operation["responses"].items()):
        if status != "default":
            shapes = [_shape(content["schema"]) for content in answer.get("content", {}).values()]
            yield f"Answer {status}: {', '.join(shapes) or 'nothing'}.\n"


def _body(schema: Document) -> str:
    return prose(schema["description"]) if "description" in schema else _shape(schema)


def _type(name: str, schema: Document) -> Iterator[str]:
    yield f'<a id="{name}"></a>\n\n### {name}\n'
    if schema.get("description"):
        yield prose(schema["description"]) + "\n"
    if "enum" in schema:
        yield "One of " + ", ".join(code(str(each)) for each in schema["enum"]) + ".\n"
    required = schema.get("required", ())
    rows = [
        (code(field), _shape(each), "" if field in required else _default(each))
        for field, each in schema.get("properties", {}).items()
    ]
    if rows:
        yield table(("field", "value", "without it"), rows) + "\n"


def _default(schema: Document) -> str:
    default = schema.get("default")
    return "" if default in (None, "", [], {}) else code(str(default))


def _shape(schema: Document) -> str:
    """A schema in a few words; types with a name are links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}]({_ELSEWHERE.get(name, f'#{name}')})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_shape(each) for each in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(code(str(each)) for each in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_shape(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_shape(schema['additionalProperties'])}"
    return str(schema.get("format", kind))


def _reached(operations: list[Document], schemas: Document) -> list[str]:
    """The names of all types that the operations need, those of others included."""
    found: set[str] = set()
    todo = [name for operation in operations for name in _names(operation)]
    while todo:
        name = todo.pop()
        if name not in found and name in schemas:
            found.add(name)
            todo += _names(schemas[name])
    return sorted(found - _ELSEWHERE.keys())


def _names(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [str(value["$ref"]).rpartition("/")[2]] if isinstance(value.get("$ref"), str) else []
        own += re.findall(r"^One (\w+) a line$", str(value.get("description", "")))
        return own + [name for part in value.values() for name in _names(part)]
    return [name for part in value for name in _names(part)] if isinstance(value, list) else []
