"""What a file declares is there afterwards, all of it or nothing; or its difference is told."""

import pytest

from control_plane.model.change import Kind
from tests.unit.admin.world import OWN, PARTNER, World, grant, node, own_resource, resource

APPLY = "/api/v1/federation/apply"
ALL = {"nodes": [node()], "resources": [resource(), own_resource()], "grants": [grant()]}
KEYS = [
    (Kind.NODE, f"lb-1@{PARTNER}"),
    (Kind.RESOURCE, f"orders@{PARTNER}"),
    (Kind.RESOURCE, f"stockfish@{OWN}"),
    (Kind.GRANT, "luebeck-uses-stockfish"),
]


async def test_everything_is_made_in_one_revision(world: World) -> None:
    before = world.objects.revision

    answer = await world.call("POST", APPLY, ALL)

    assert answer.status == 200
    assert answer.document["revision"] == world.objects.revision == before + 1
    assert [(one["kind"], one["key"], one["action"]) for one in answer.document["changes"]] == [
        (kind, key, "create") for kind, key in KEYS
    ]
    for kind, key in KEYS:
        assert await world.objects.get(kind, key) is not None
    assert [event.action for event in world.audit.events] == [f"{kind}.apply" for kind, _ in KEYS]


async def test_what_is_so_already_is_left_alone(world: World) -> None:
    await world.call("POST", APPLY, ALL)
    before = world.state

    again = await world.call("POST", APPLY, ALL)

    assert again.document == {"dry_run": False, "revision": None, "unchanged": 4, "changes": []}
    assert world.state == before


async def test_a_change_names_its_fields_and_nothing_else_is_touched(world: World) -> None:
    await world.call("POST", APPLY, ALL)
    moved = node(endpoints=[{"host": "192.0.2.7", "port": 8443}])

    answer = await world.call("POST", APPLY, {"nodes": [moved]})

    (change,) = answer.document["changes"]
    assert (change["action"], [field["field"] for field in change["fields"]]) == ("change", ["endpoints"])
    assert change["fields"][0]["before"][0]["host"] == "192.0.2.1"
    assert change["fields"][0]["after"][0]["host"] == "192.0.2.7"
    assert await world.objects.get(Kind.GRANT, "luebeck-uses-stockfish") is not None


async def test_a_dry_run_tells_the_same_difference_and_changes_nothing(world: World) -> None:
    before = world.state

    asked = await world.call("POST", APPLY, {**ALL, "dry_run": True})
    unchanged = world.state
    done = await world.call("POST", APPLY, ALL)

    assert unchanged == before
    assert asked.document["revision"] is None
    assert asked.document["changes"] == done.document["changes"]


@pytest.mark.parametrize(
    ("declared", "code", "path"),
    [
        ({"nodes": [node(), node(organisation=OWN, spiffe_id=f"spiffe://{OWN}/g")]}, "own_node", "/nodes/1"),
        ({"nodes": [node(), node("b"), node()]}, "declared_twice", "/nodes/2"),
        (
            {"resources": [resource(organisation="visby.example")]},
            "resource_without_nodes",
            "/resources/0",
        ),
        ({"nodes": [node()], "resources": [resource(nodes=["lb-2"])]}, "unknown_node", "/resources/0"),
        ({"resources": [own_resource(upstreams=[])]}, "resource_without_nodes", "/resources/0"),
        ({"grants": [grant()]}, "unknown_resource", "/grants/0"),
        (
            {"resources": [own_resource()], "grants": [grant(subject=OWN)]},
            "own_organisation",
            "/grants/0",
        ),
        ({"nodes": [node(endpoints=[])]}, "bad_endpoints", "/nodes/0"),
        ({"nodes": [node(colour="red")]}, "unknown_field", "/nodes/0/colour"),
        ({"agreements": []}, "unknown_field", "/agreements"),
    ],
)
async def test_one_fault_refuses_all_of_it(
    world: World, declared: dict[str, object], code: str, path: str
) -> None:
    before = world.state

    answer = await world.call("POST", APPLY, {"nodes": [node("good")], **declared})
    tried = await world.call("POST", APPLY, {"nodes": [node("good")], **declared, "dry_run": True})

    assert (answer.status, answer.code) == (422, code)
    assert answer.document["errors"][0]["path"] == path
    assert (tried.status, tried.code) == (422, code)
    assert world.state == before


async def test_an_approval_is_not_declared_and_lasts_until_the_grant_is_another(world: World) -> None:
    waiting = grant(conditions={"approval": "CHG-7"})
    path = "/api/v1/federation/grants/luebeck-uses-stockfish"
    await world.call("POST", APPLY, {**ALL, "grants": [waiting]})
    forged = await world.call("POST", APPLY, {"grants": [{**waiting, "approved_by": "me"}]})
    await world.call("POST", f"{path}/approve", {"approval": "CHG-7"})

    same = await world.call("POST", APPLY, {"grants": [waiting]})
    kept = await world.call("GET", path)
    other = await world.call("POST", APPLY, {"grants": [{**waiting, "subject": f"spiffe://{PARTNER}/g/*"}]})
    lost = await world.call("GET", path)

    assert forged.code == "bad_approval"
    assert same.document["unchanged"] == 1
    assert kept.document["approved_by"]
    assert [field["field"] for field in other.document["changes"][0]["fields"]] == ["subject", "approved_by"]
    assert not lost.document["approved_by"]


async def test_several_faults_are_told_together(world: World) -> None:
    answer = await world.call("POST", APPLY, {"grants": [grant(), grant("other")]})

    assert answer.code == "invalid_body"
    assert [error["path"] for error in answer.document["errors"]] == ["/grants/0", "/grants/1"]
