"""The API's own description says what is really done, and every role is refused what it may not do."""

import re

import pytest

from control_plane.admin import audit_export
from control_plane.admin.app import ROUTES
from control_plane.admin.codes import CODES
from control_plane.admin.openapi import Document, describe
from control_plane.admin.operation import Operation
from control_plane.admin.tokens import Role
from tests.unit.admin.listed import arrays, paged
from tests.unit.admin.world import World

OPERATIONS = [route.operation for route in ROUTES]
# Arrays that need no pages, and what bounds them.
BOUNDED = {
    ("/api/v1/audit/heads", "refused"): "the newest hundred",
    ("/api/v1/audit/reconciling", "items"): "as many as are compared at once",
    ("/api/v1/audit/statistics", "organisations"): "those with the most requests",
    ("/api/v1/audit/statistics", "principals"): "those with the most requests",
    ("/api/v1/federation/bundles/{organisation}/crls", "crls"): "one bundle",
    ("/api/v1/federation/bundles/{organisation}/crls", "lists"): "one bundle",
    ("/api/v1/federation/bundles/{organisation}/crls", "problems"): "one bundle",
    ("/api/v1/federation/check", "groups"): "as many as there are",
    ("/api/v1/federation/circuits", "settings"): "as many as there are",
    ("/api/v1/federation/gateways/{id}/deliveries", "deliveries"): "types of resources",
    ("/api/v1/federation/info", "anchors"): "our own",
    ("/api/v1/federation/nodes/{key}/circuit", "gateways"): "our own, and their resources of one node",
    ("/api/v1/federation/rotation", "anchors"): "our own",
    ("/api/v1/federation/rotation", "confirmed"): "what an operator confirmed of one step",
    ("/api/v1/federation/rotation", "waiting"): "one step of one rotation",
    ("/api/v1/federation/sources", "conflicts"): "the first hundred",
    ("/api/v1/metrics/targets", ""): "our own gateways, in a form that is not ours",
    ("/api/v1/status", "gateways"): "our own",
    ("/api/v1/status", "problems"): "the first hundred",
    ("/api/v1/status", "warnings"): "the first hundred",
    ("/api/v1/status", "waiting"): "as many as there are",
    ("/readyz", "waiting"): "as many as there are",
}
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


def test_what_is_wrong_with_objects_is_not_described_as_a_refusal(document: Document) -> None:
    schemas = document["components"]["schemas"]

    assert set(schemas["Problem"]["properties"]) == {"subject", "code", "detail", "hint"}
    assert schemas["Status"]["properties"]["problems"]["items"] == {"$ref": "#/components/schemas/Problem"}


def test_every_code_is_named(document: Document) -> None:
    assert document["components"]["schemas"]["ProblemDetails"]["properties"]["code"]["enum"] == sorted(CODES)


@pytest.mark.parametrize("role", [None, *Role])
async def test_a_role_may_do_exactly_what_the_document_says(
    world: World, role: Role | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export, "HOLD", 0.0)  # a question for news that waits for none
    paths = (await world.call("GET", "/openapi.json")).document["paths"]
    operations = [(path, method, described) for path in paths for method, described in paths[path].items()]
    assert len(operations) == len({(each.path, each.method) for each in OPERATIONS})
    for template, method, described in operations:
        path = re.sub(r"{\w+}", "nobody@nowhere.example", template)
        needed = Role(described["x-role"]) if described["security"] else None
        before, headers = world.state, world.bearer(role) if role else {}

        answer = await world.remote(method.upper(), path, headers=headers, body=b"")

        expected = None if needed is None or (role and role.covers(needed)) else 403 if role else 401
        refused = answer.status if answer.status in {401, 403} else None
        assert refused == expected, f"{method} {template}"
        assert expected is None or world.state == before, f"{method} {template}"


def test_every_list_is_read_in_pages(document: Document) -> None:
    pages = {(each.path, "items") for each in paged(document)}

    assert arrays(document) - pages == BOUNDED.keys()
