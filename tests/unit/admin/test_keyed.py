"""A request that is sent twice with its key is done once."""

import pytest

from control_plane.admin.app import ROUTES
from control_plane.admin.operation import Keyed
from tests.unit.admin.world import PARTNER, World, node

API = "/api/v1/federation"
KEY = {"Idempotency-Key": "5e0c3f0e-0000-4000-8000-000000000001"}


async def test_the_second_request_changes_nothing_and_is_answered_like_the_first(world: World) -> None:
    first = await world.call("POST", f"{API}/nodes", node(), headers=KEY)
    state = world.state

    second = await world.call("POST", f"{API}/nodes", node(), headers=KEY)

    assert (first.status, second.status) == (201, 201)
    assert second.document == first.document
    assert [second.headers[name] for name in ("ETag", "Location")] == [
        first.headers[name] for name in ("ETag", "Location")
    ]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert world.state == state


@pytest.mark.parametrize(("path", "body"), [("nodes", node("lb-2")), ("grants", node())])
async def test_another_request_with_the_same_key_is_refused(
    world: World, path: str, body: dict[str, object]
) -> None:
    await world.call("POST", f"{API}/nodes", node(), headers=KEY)

    answer = await world.call("POST", f"{API}/{path}", body, headers=KEY)

    assert answer.status == 422
    assert answer.code == "key_reused" or path == "grants"  # a body that is wrong is told first


async def test_a_refused_request_frees_its_key(world: World) -> None:
    refused = await world.call("POST", f"{API}/nodes", node(spiffe_id="spiffe://x/y"), headers=KEY)

    answer = await world.call("POST", f"{API}/nodes", node(), headers=KEY)

    assert (refused.status, answer.status) == (422, 201)


async def test_keys_of_others_are_others(world: World) -> None:
    await world.call("POST", f"{API}/nodes", node(), headers=KEY)
    headers = {"Authorization": f"Bearer {list(world.tokens.values())[-1]}", **KEY}

    answer = await world.remote(
        "POST", f"{API}/agreements/{PARTNER}/approve", headers=headers | {"Content-Type": "application/json"}
    )

    assert answer.code == "not_found"


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "\u00fc"])
async def test_a_key_of_another_form_is_refused(world: World, key: str) -> None:
    answer = await world.call("POST", f"{API}/nodes", node(), headers={"Idempotency-Key": key})

    assert (answer.status, answer.code) == (400, "bad_key")


async def test_a_secret_is_told_once(world: World) -> None:
    first = await world.call("POST", "/api/v1/dashboard/links", headers=KEY)
    second = await world.call("POST", "/api/v1/dashboard/links", headers=KEY)

    assert first.status == 200
    assert (second.status, second.code) == (409, "answer_not_kept")
    assert first.document["url"] not in str(world.answers.kept)


def test_whatever_leaves_our_own_database_is_not_said_to_be_one_transaction() -> None:
    elsewhere = {"invites", "join", "discover", "rotation", "reconciliations", "links", "trust", "refresh"}
    named = [one.operation for one in ROUTES if one.operation.takes_key]

    wrong = [
        one.path for one in named if elsewhere & set(one.path.split("/")) and one.keyed is Keyed.TOGETHER
    ]

    assert not wrong
