"""The API over a real PostgreSQL: what the fakes promise holds there too."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from control_plane.store.database import Database
from tests.unit.admin.world import (
    OWN,
    PARTNER,
    World,
    certificate,
    grant,
    node,
    own_resource,
    resource,
    running,
)

pytestmark = pytest.mark.integration

API = "/api/v1/federation"
NDJSON = {"Content-Type": "application/x-ndjson"}


async def test_partners_become_partners_and_every_step_is_in_the_audit(world: World) -> None:
    anchor, _ = certificate()
    terms = {"organisation": PARTNER, "state": "pending", "bundle": anchor}

    answers = [
        await world.call("POST", f"{API}/agreements", terms),
        await world.call("POST", f"{API}/agreements/{PARTNER}/approve"),
        await world.call("POST", f"{API}/nodes", node()),
        await world.call("POST", f"{API}/resources", resource(nodes=["lb-1"])),
        await world.call("POST", f"{API}/resources", own_resource()),
        await world.call("POST", f"{API}/grants", grant()),
        await world.call("PATCH", f"{API}/nodes/lb-1@{PARTNER}", {"enabled": False}),
    ]

    assert [answer.status for answer in answers] == [201, 200, 201, 201, 201, 201, 200]
    actions, after = [], ""
    while after is not None:
        page = await world.call("GET", "/api/v1/audit/events", params={"limit": "3", "after": after})
        actions += [(item["action"], item["resource"]) for item in page.document["items"]]
        after = page.document["next"]
    assert sorted(actions) == sorted(
        [
            ("agreement.create", PARTNER),
            ("bundle.import", PARTNER),
            ("agreement.approve", PARTNER),
            ("node.create", f"lb-1@{PARTNER}"),
            ("resource.create", f"orders@{PARTNER}"),
            ("resource.create", f"stockfish@{OWN}"),
            ("grant.create", "luebeck-uses-stockfish"),
            ("node.edit", f"lb-1@{PARTNER}"),
        ]
    )


async def test_what_is_named_stays_until_nothing_names_it(world: World) -> None:
    await world.call("POST", f"{API}/nodes", node())
    await world.call("POST", f"{API}/resources", resource(nodes=["lb-1"]))
    paths = [
        f"{API}/nodes/lb-1@{PARTNER}",
        f"{API}/resources/orders@{PARTNER}",
        f"{API}/nodes/lb-1@{PARTNER}",
    ]

    answers = [await world.call("DELETE", path) for path in paths]

    assert [answer.status for answer in answers] == [409, 204, 204]


async def test_of_equal_creations_at_once_one_succeeds_in_the_database(world: World) -> None:
    answers = await asyncio.gather(*(world.call("POST", f"{API}/nodes", node()) for _ in range(50)))

    assert sorted(answer.status for answer in answers) == [201] + [409] * 49


async def test_of_edits_of_one_revision_at_once_one_succeeds(world: World) -> None:
    added = await world.call("POST", f"{API}/nodes", node())
    tag = {"If-Match": added.headers["ETag"]}
    path = f"{API}/nodes/lb-1@{PARTNER}"

    answers = await asyncio.gather(
        *(world.call("PATCH", path, {"name": f"name {n}"}, headers=tag) for n in range(20))
    )

    first, *others = sorted(answer.status for answer in answers)
    assert first == 200
    assert set(others) <= {409, 412}


async def test_ten_thousand_nodes_are_loaded_at_once_and_found_again(world: World) -> None:
    names = [f"org-{number % 300}.example" for number in range(10_000)]
    nodes = [
        node(f"n-{number:05}", organisation=name, spiffe_id=f"spiffe://{name}/gateway/n-{number:05}")
        for number, name in enumerate(names)
    ]

    loaded = await world.call("POST", f"{API}/nodes", _lines(nodes), headers=NDJSON)
    one = await world.call("GET", f"{API}/nodes/n-09999@{names[-1]}")
    same = await world.call("GET", f"{API}/nodes/{one.document['id']}")
    page = await world.call("GET", f"{API}/nodes", params={"organisation": names[0], "limit": "1000"})
    resources = [resource(organisation=name) for name in sorted(set(names))]
    imported = await world.call("POST", f"{API}/resources", _lines(resources), headers=NDJSON)

    assert loaded.document == {"lines": 10_000, "revision": 1}
    assert one.document == same.document
    assert len(page.document["items"]) == sum(name == names[0] for name in names)
    assert imported.document == {"lines": 300, "revision": 2}


async def test_one_bad_line_leaves_the_database_as_it_was(world: World) -> None:
    nodes = [*(node(f"n-{number}") for number in range(100)), node("bad", endpoints=[])]

    refused = await world.call("POST", f"{API}/nodes", _lines(nodes), headers=NDJSON)

    listed = await world.call("GET", f"{API}/nodes")
    audited = await world.call("GET", "/api/v1/audit/events")
    assert (refused.status, refused.document["errors"][0]["line"]) == (422, 101)
    assert listed.document["items"] == audited.document["items"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/nodes/%00",
        "/nodes/%ED%A0%80",
        f"/nodes/{'x' * 3000}",
        "/nodes/%27%3B%20drop%20table%20objects",
        "/grants/%F0%9F%92%A9",
        "/agreements/%5C",
    ],
)
async def test_names_that_cannot_be_are_not_found(world: World, path: str) -> None:
    answer = await world.call("GET", f"{API}{path}")

    assert (answer.status, answer.code) == (404, "not_found")


async def test_unusual_filters_find_nothing_and_break_nothing(world: World) -> None:
    for filters in (
        {"principal": "'; --"},
        {"resource": "\u00e9\U0001f4a9"},
        {"since": "0001-01-01T00:00:00Z"},
    ):
        answer = await _audit(world, filters)

        assert answer == []


async def test_without_a_database_answers_are_503_and_readiness_says_why() -> None:
    # No server listens there, so every connection is refused.
    async with Database("postgresql://nobody@127.0.0.1:1/nothing") as away, running(away) as world:
        ready = await world.call("GET", "/readyz")
        listed = await world.call("GET", f"{API}/nodes")
        added = await world.call("POST", f"{API}/nodes", node())

    assert (ready.status, ready.document["waiting"]) == (503, ["the database"])
    assert (listed.status, listed.code) == (added.status, added.code) == (503, "unavailable")


async def _audit(world: World, filters: Mapping[str, str]) -> object:
    answer = await world.call("GET", "/api/v1/audit/events", params=filters)
    assert answer.status == 200
    return answer.document["items"]


def _lines(documents: list[dict[str, object]]) -> bytes:
    return "\n".join(json.dumps(document) for document in documents).encode()
