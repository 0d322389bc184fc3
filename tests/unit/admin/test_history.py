"""History and rollback through the API."""

from tests.unit.admin.world import PARTNER, World, grant, node, own_resource

API = "/api/v1/federation"


async def filled(world: World) -> int:
    """Some objects; the revision at which they are right."""
    await world.call("POST", f"{API}/agreements", {"organisation": PARTNER})
    await world.call("POST", f"{API}/nodes", node())
    await world.call("POST", f"{API}/resources", own_resource())
    await world.call("POST", f"{API}/grants", grant())
    return world.objects.revision


async def test_changes_are_listed_newest_first(world: World) -> None:
    await filled(world)

    page = await world.call("GET", f"{API}/history", params={"limit": "2"})

    assert [item["named"] for item in page.document["items"]] == [
        ["grant luebeck-uses-stockfish"],
        ["resource stockfish@bergen.example"],
    ]
    assert page.document["next"] == page.document["items"][-1]["revision"].__str__()


async def test_what_was_is_restored_as_a_new_change_that_is_audited(world: World) -> None:
    right = await filled(world)
    before = (await world.call("GET", f"{API}/grants/luebeck-uses-stockfish")).document
    await world.call("DELETE", f"{API}/grants/luebeck-uses-stockfish")
    await world.call("POST", f"{API}/nodes", node("lb-2"))

    tried = await world.call("POST", f"{API}/rollback", {"revision": right, "dry_run": True})
    kept = world.objects.revision
    done = await world.call("POST", f"{API}/rollback", {"revision": right})

    after = (await world.call("GET", f"{API}/grants/luebeck-uses-stockfish")).document
    assert (tried.document["revision"], tried.document["objects"], kept) == (None, 2, right + 2)
    assert done.document["revision"] == right + 3
    assert done.document["restored"] == ["grant luebeck-uses-stockfish"]
    assert done.document["removed"] == [f"node lb-2@{PARTNER}"]
    assert after["capabilities"] == before["capabilities"]
    assert [event.action for event in world.audit.events[-2:]] == ["grant.rollback", "node.rollback"]


async def test_trust_does_not_go_back(world: World) -> None:
    right = await filled(world)
    await world.call("POST", f"{API}/agreements/{PARTNER}/revoke", {"reason": "found out"})

    done = await world.call("POST", f"{API}/rollback", {"revision": right})

    agreement = await world.call("GET", f"{API}/agreements/{PARTNER}")
    assert (done.document["revision"], done.document["objects"]) == (None, 0)
    assert agreement.document["state"] == "revoked"


async def test_an_approval_has_to_be_given_again(world: World) -> None:
    await filled(world)
    await world.call("POST", f"{API}/grants", grant("waiting", conditions={"approval": "council"}))
    await world.call("POST", f"{API}/grants/waiting/approve", {"approval": "council"})
    approved = world.objects.revision
    await world.call("DELETE", f"{API}/grants/waiting")

    await world.call("POST", f"{API}/rollback", {"revision": approved})

    restored = await world.call("GET", f"{API}/grants/waiting")
    assert restored.document["approved_by"] == ""
    assert restored.document["conditions"]["approval"] == "council"


async def test_a_revision_that_cannot_be_is_refused(world: World) -> None:
    answer = await world.call("POST", f"{API}/rollback", {"revision": -1})

    assert (answer.status, answer.code) == (400, "bad_parameter")
