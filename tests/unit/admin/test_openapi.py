"""The API's own description says what is really done, and every role is refused what it may not do."""

import re

import pytest

from control_plane.admin import audit_export
from control_plane.admin.app import ROUTES
from control_plane.admin.codes import CODES
from control_plane.admin.openapi import Document, describe
from control_plane.admin.operation import Operation
from control_plane.admin.tokens import Role
from tests.unit.admin.world import World

OPERATIONS = [route.operation for route in ROUTES]
NAMED = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"{o.method} {o.path} {o.media}")


@pytest.fixture(scope="module")
def document() -> Document:
    return describe(ROUTES, version="1.2.3")


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(part) for part in value.values()))
    return set[str]().union(*(references(part) for part in value)) if isinstance(value, list) else set()


async def test_the_document_is_served(world: World) -> None:
    answer = await world.call("GET", "/openapi.json")

    assert answer.status == 200
    assert answer.document["openapi"] == "3.1.0"
    assert "/openapi.json" in answer.document["paths"]


@NAMED
def test_every_operation_is_described(document: Document, operation: Operation[object]) -> None:
    described = document["paths"][operation.path][operation.method.lower()]

    assert str(operation.status) in described["responses"]
    assert described.get("x-role") == (operation.role.value if operation.role else None)
    assert bool(described["security"]) == (operation.role is not None)
    assert operation.takes_query or operation.media in described["requestBody"]["content"]
    named = {each["name"] for each in described["parameters"] if each["in"] == "path"}
    assert named == set(re.findall(r"{(\w+)}", operation.path))


def test_every_reference_resolves(document: Document) -> None:
    defined = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert references(document) <= defined


def test_identifiers_are_unique(document: Document) -> None:
    found = [each["operationId"] for path in document["paths"].values() for each in path.values()]

    assert len(found) == len(set(found))


def test_every_code_is_named(document: Document) -> None:
    assert document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(CODES)


@pytest.mark.parametrize("role", Role)
async def test_a_role_may_do_exactly_what_the_document_says(
    world: World, role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export, "HOLD", 0.0)  # a question for news that waits for none
    for operation in OPERATIONS:
        path = re.sub(r"{\w+}", "nobody@nowhere.example", operation.path)
        before = world.state

        answer = await world.remote(operation.method, path, headers=world.bearer(role), body=b"")

        refused = answer.status == 403 and answer.code == "not_permitted"
        allowed = operation.role is None or role.covers(operation.role)
        assert refused != allowed, f"{operation.method} {operation.path}"
        assert allowed or world.state == before, f"{operation.method} {operation.path}"
