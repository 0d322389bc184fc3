"""What can be said of a declared file alone, before anything is asked: its form, its values, and itself."""

import json
from collections.abc import Iterator
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError

from control_plane.admin.declared import Declaration
from control_plane.admin.problems import FieldError, field_errors
from control_plane.discovery import declared
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError

_DECLARATION: TypeAdapter[Declaration] = TypeAdapter(Declaration)


def judged(file: IO[bytes], *, own: str) -> dict[str, Any]:
    """The verdict and every fault, with the line in the file where that is known."""
    name = str(getattr(file, "name", "-"))
    try:
        document = declared.read(file.read(declared.MAX_FILE + 1), name)
    except declared.BadFileError as error:
        return _answer(name, {}, [FieldError("", "bad_file", str(error))], {})
    objects = {kind: len(entries) for kind, entries in document.items()}
    return _answer(name, objects, list(_faults(document, own)), document)


def _faults(document: declared.Document, own: str) -> Iterator[FieldError]:
    try:
        declaration = _DECLARATION.validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        yield from field_errors(error)
        return
    yield from _repeated(declaration)
    if not own:
        return
    try:
        ours = TrustDomain(own)
    except InvalidValueError as error:
        yield FieldError("", error.code, error.detail)
        return
    yield from _ours(declaration, ours)


def _repeated(declaration: Declaration) -> Iterator[FieldError]:
    keys = {
        "nodes": [node.key for node in declaration.nodes],
        "resources": [resource.key for resource in declaration.resources],
        "grants": [grant.key for grant in declaration.grants],
    }
    for kind, named in keys.items():
        seen: dict[str, int] = {}
        for number, key in enumerate(named):
            if (first := seen.setdefault(key, number)) != number:
                detail = f"expected each once, got {key} at /{kind}/{first} too"
                yield FieldError(f"/{kind}/{number}", "declared_twice", detail)


def _ours(declaration: Declaration, own: TrustDomain) -> Iterator[FieldError]:
    for number, node in enumerate(declaration.nodes):
        if node.organisation == own:
            detail = f"expected a partner's node, got {node.key} of this organisation"
            yield FieldError(f"/nodes/{number}", "own_node", detail)
    for number, resource in enumerate(declaration.resources):
        ours = resource.organisation == own
        if ours and (resource.nodes or not resource.upstreams):
            detail = f"expected upstreams for {resource.key}, our own resource"
            yield FieldError(f"/resources/{number}", "resource_without_nodes", detail)
        if not ours and resource.upstreams:
            detail = f"expected nodes of {resource.organisation} for {resource.key}, got upstreams"
            yield FieldError(f"/resources/{number}", "foreign_upstreams", detail)
    for number, grant in enumerate(declaration.grants):
        if grant.organisation == own:
            detail = f"expected a partner as subject, got {grant.subject} of our own"
            yield FieldError(f"/grants/{number}", "own_organisation", detail)


def _answer(
    name: str, objects: dict[str, int], faults: list[FieldError], document: declared.Document
) -> dict[str, Any]:
    return {
        "verdict": "invalid" if faults else "valid",
        "file": name,
        "objects": objects,
        "faults": [
            {
                "path": fault.path,
                "line": _line(document, fault.path),
                "code": fault.code,
                "detail": fault.detail,
            }
            for fault in faults
        ],
    }


def _line(document: declared.Document, path: str) -> int | None:
    """Of the entry that a path like ``/nodes/0/endpoints`` leads into."""
    _, kind, number, *_ = (*path.split("/"), "", "")
    entries = document.get(kind, [])
    if not number.isdecimal() or int(number) >= len(entries):
        return None
    return getattr(entries[int(number)], "line", None) or None
