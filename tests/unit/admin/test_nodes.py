"""Nodes through the API."""

import json

import pytest

from control_plane.model.problem import Problem
from tests.unit.admin.world import OWN, PARTNER, World, certificate, node, resource

NODES = "/api/v1/federation/nodes"
NODE = f"{NODES}/lb-1@{PARTNER}"
NDJSON = {"Content-Type": "application/x-ndjson"}

FIELDS = {
    "id",
    "node_id",
    "name",
    "organisation",
    "spiffe_id",
    "endpoints",
    "enabled",
    "trust_level",
    "status",
    "status_reason",
    "rate_limit_per_hour",
    "metadata",
    "sources",
    "discovered_at",
    "last_seen",
    "trusted_since",
    "created_at",
    "updated_at",
    "revision",
    "problem",
}


async def test_a_node_that_was_added_is_shown_with_all_its_fields(world: World) -> None:
    added = await world.call("POST", NODES, node(name="Lübeck 1", metadata={"zone": "a"}))

    shown = await world.call("GET", added.headers["Location"])

    assert (added.status, shown.status) == (201, 200)
    assert added.document == shown.document
    assert set(shown.document) == FIELDS
    assert shown.document["trust_level"] == "untrusted"
    assert shown.document["status"] == "unknown"
    assert shown.document["sources"] == ["manual"]
    assert shown.document["last_seen"] is None
    assert shown.headers["ETag"] == f'"{shown.document["revision"]}"'


async def test_a_node_is_found_by_its_uuid_too(world: World) -> None:
    added = await world.call("POST", NODES, node())

    shown = await world.call("GET", f"{NODES}/{added.document['id']}")
    unknown = await world.call("GET", f"{NODES}/00000000-0000-4000-8000-000000000000")

    assert shown.document == added.document
    assert unknown.status == 404


async def test_a_node_shows_the_state_of_its_agreement_and_why_it_gets_no_traffic(world: World) -> None:
    anchor, _ = certificate()
    await world.call("POST", NODES, node())
    await world.call(
        "POST",
        "/api/v1/federation/agreements",
        {"organisation": PARTNER, "state": "trusted", "bundle": anchor},
    )
    world.overview.refused[f"lb-1@{PARTNER}"] = Problem("node", "disabled", "it is disabled", "enable it")

    shown = await world.call("GET", NODE)

    assert shown.document["trust_level"] == "trusted"
    assert shown.document["trusted_since"]
    assert shown.document["problem"] == {
        "code": "disabled",
        "detail": "it is disabled",
        "hint": "enable it",
    }


async def test_an_edit_changes_only_what_it_names(world: World) -> None:
    added = await world.call("POST", NODES, node(metadata={"zone": "a"}))

    edited = await world.call("PATCH", NODE, {"enabled": False})

    changing = {"enabled", "revision", "updated_at"}
    assert edited.document["enabled"] is False
    assert {key: edited.document[key] for key in FIELDS - changing} == {
        key: added.document[key] for key in FIELDS - changing
    }


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ({"node_id": "lb-2"}, "unknown_field"),
        ({"rate_limit_per_hour": 0}, "bad_rate_limit"),
        ({"spiffe_id": "spiffe://novgorod.example/gateway/1"}, "foreign_identity"),
    ],
)
async def test_a_bad_edit_changes_nothing(world: World, patch: object, code: str) -> None:
    await world.call("POST", NODES, node())
    before = world.state

    answer = await world.call("PATCH", NODE, patch)

    assert (answer.status, answer.code) == (422, code)
    assert world.state == before


async def test_an_edit_of_what_was_changed_meanwhile_is_refused(world: World) -> None:
    added = await world.call("POST", NODES, node())
    await world.call("PATCH", NODE, {"name": "other"})

    answer = await world.call("PATCH", NODE, {"name": "mine"}, headers={"If-Match": added.headers["ETag"]})

    shown = await world.call("GET", NODE)
    assert (answer.status, answer.code) == (412, "precondition_failed")
    assert shown.document["name"] == "other"


async def test_an_edit_of_what_is_unchanged_goes_through(world: World) -> None:
    added = await world.call("POST", NODES, node())

    answer = await world.call("PATCH", NODE, {"name": "mine"}, headers={"If-Match": added.headers["ETag"]})

    assert answer.document["name"] == "mine"


async def test_a_node_that_a_resource_names_stays(world: World) -> None:
    await world.call("POST", NODES, node())
    await world.call("POST", "/api/v1/federation/resources", resource(nodes=["lb-1"]))

    answer = await world.call("DELETE", NODE)

    assert (answer.status, answer.code) == (409, "still_referenced")
    assert f"orders@{PARTNER}" in answer.document["detail"]
    assert (await world.call("GET", NODE)).status == 200


async def test_a_removed_node_is_gone(world: World) -> None:
    await world.call("POST", NODES, node())

    removed = await world.call("DELETE", NODE)
    again = await world.call("DELETE", NODE)

    assert (removed.status, removed.document) == (204, None)
    assert (again.status, again.code) == (404, "not_found")


async def test_pages_follow_each_other_without_gap_or_repetition(world: World) -> None:
    names = [f"lb-{number:02}" for number in range(25)]
    body = "\n".join(json.dumps(node(name)) for name in names).encode()
    await world.call("POST", NODES, body, headers=NDJSON)

    found: list[str] = []
    after = ""
    while after is not None:
        page = await world.call("GET", NODES, params={"limit": "10", "after": after})
        found.extend(item["node_id"] for item in page.document["items"])
        after = page.document["next"]

    assert found == names


async def test_a_list_can_be_of_one_organisation(world: World) -> None:
    other = node("nv-1", organisation="novgorod.example", spiffe_id="spiffe://novgorod.example/gateway/nv-1")
    await world.call("POST", NODES, node())
    await world.call("POST", NODES, other)

    page = await world.call("GET", NODES, params={"organisation": "novgorod.example"})

    assert [item["node_id"] for item in page.document["items"]] == ["nv-1"]


async def test_many_nodes_are_loaded_in_one_revision_and_each_is_audited(world: World) -> None:
    await world.call("POST", NODES, node("lb-0000", name="old"))
    body = "\n".join(json.dumps(node(f"lb-{number:04}")) for number in range(3000)).encode()

    answer = await world.call("POST", NODES, body, headers=NDJSON)

    assert answer.document == {"lines": 3000, "revision": 2}
    assert world.objects.revision == 2
    assert len({event.resource for event in world.audit.events}) == 3000
    shown = await world.call("GET", f"{NODES}/lb-0000@{PARTNER}")
    assert shown.document["name"] == ""


async def test_one_bad_line_keeps_all_others_out(world: World) -> None:
    own = node("gw", organisation=OWN, spiffe_id=f"spiffe://{OWN}/gateway/gw")
    body = "\n".join(json.dumps(line) for line in (node("a"), own, node("b"))).encode()

    answer = await world.call("POST", NODES, body, headers=NDJSON)

    assert (answer.status, answer.code) == (422, "own_node")
    assert answer.document["errors"][0]["line"] == 2
    assert world.objects.revision == 0
    assert world.audit.events == []


async def test_more_lines_than_allowed_are_refused(world: World) -> None:
    body = b'{"node_id":"a"}\n' * 20_001

    answer = await world.call("POST", NODES, body, headers=NDJSON)

    assert answer.status == 422
    assert len(answer.document["errors"]) <= 60
    assert world.objects.revision == 0
