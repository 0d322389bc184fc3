"""Agreements, bundles, resources and grants through the API."""

import json

import pytest

from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from tests.unit.admin.world import OWN, PARTNER, World, certificate, grant, node, own_resource, resource

API = "/api/v1/federation"
AGREEMENT = f"{API}/agreements/{PARTNER}"
NDJSON = {"Content-Type": "application/x-ndjson"}


async def agree(world: World, state: str = "trusted") -> str:
    anchor, _ = certificate()
    terms = {"organisation": PARTNER, "state": state, "bundle": anchor}
    answer = await world.call("POST", f"{API}/agreements", terms)
    assert answer.status == 201
    return anchor


async def test_an_agreement_and_its_bundle_are_one_change(world: World) -> None:
    anchor = await agree(world)

    agreement = await world.objects.get(Kind.AGREEMENT, PARTNER)
    bundle = await world.objects.get(Kind.BUNDLE, PARTNER)
    assert agreement is not None
    assert bundle is not None
    assert agreement.value == Agreement(PARTNER, AgreementState.TRUSTED)
    assert bundle.value == Bundle(PARTNER, (anchor,), sequence=1)
    assert world.objects.revision == 1
    assert [event.action for event in world.audit.events] == ["agreement.create", "bundle.import"]


async def test_an_agreement_shows_the_fingerprints_of_its_anchors(world: World) -> None:
    await agree(world)

    shown = await world.call("GET", AGREEMENT)
    listed = await world.call("GET", f"{API}/agreements")

    assert listed.document == {"items": [shown.document], "next": None}
    assert shown.document["open"] is True
    assert [len(fingerprint) for fingerprint in shown.document["fingerprints"]] == [64]


@pytest.mark.parametrize(
    ("state", "verb", "expected"),
    [
        ("pending", "approve", ("trusted", False)),
        ("untrusted", "approve", ("trusted", False)),
        ("trusted", "pause", ("trusted", True)),
        ("trusted", "resume", ("trusted", False)),
        ("trusted", "revoke", ("revoked", False)),
        ("pending", "revoke", ("revoked", False)),
    ],
)
async def test_operators_move_agreements(
    world: World, state: str, verb: str, expected: tuple[str, bool]
) -> None:
    await agree(world, state)

    answer = await world.call("POST", f"{AGREEMENT}/{verb}", {"reason": "agreed by telephone"})

    assert answer.status == 200
    assert (answer.document["state"], answer.document["paused"]) == expected
    assert answer.document["reason"] == "agreed by telephone"


@pytest.mark.parametrize(
    ("state", "verb"), [("revoked", "approve"), ("pending", "pause"), ("revoked", "resume")]
)
async def test_moves_that_make_no_sense_are_refused(world: World, state: str, verb: str) -> None:
    await agree(world, state)

    answer = await world.call("POST", f"{AGREEMENT}/{verb}")

    assert (answer.status, answer.code) == (409, "bad_transition")
    assert world.objects.revision == 1


async def test_a_verb_needs_no_body_and_an_agreement_that_exists(world: World) -> None:
    missing = await world.call("POST", f"{AGREEMENT}/revoke")
    await agree(world)
    done = await world.call("POST", f"{AGREEMENT}/revoke")

    assert (missing.status, done.status) == (404, 200)


async def test_a_partner_without_anchors_is_not_approved(world: World) -> None:
    await world.call("POST", f"{API}/agreements", {"organisation": PARTNER, "state": "pending"})

    answer = await world.call("POST", f"{AGREEMENT}/approve")

    assert (answer.status, answer.code) == (422, "no_bundle")


async def test_an_agreement_set_by_hand_keeps_its_anchors_unless_new_ones_come(world: World) -> None:
    old = await agree(world)
    new, _ = certificate()

    kept = await world.call("PUT", AGREEMENT, {"state": "trusted", "paused": True})
    replaced = await world.call("PUT", AGREEMENT, {"state": "trusted", "bundle": old + new})

    bundle = await world.objects.get(Kind.BUNDLE, PARTNER)
    assert bundle is not None
    assert (kept.document["paused"], replaced.document["paused"]) == (True, False)
    assert bundle.value == Bundle(PARTNER, (old, new), sequence=2)


async def test_an_agreement_that_does_not_exist_has_revision_0(world: World) -> None:
    refused = await world.call("PUT", AGREEMENT, {"state": "pending"}, headers={"If-Match": '"3"'})
    begun = await world.call("PUT", AGREEMENT, {"state": "pending"}, headers={"If-Match": '"0"'})

    assert (refused.status, begun.status) == (412, 200)


async def test_bundles_begin_with_our_own(world: World) -> None:
    ours, _ = certificate(OWN)
    world.anchors = (ours,)
    theirs = await agree(world)

    answer = await world.call("GET", f"{API}/bundles")

    own, partner = answer.document["items"]
    assert (own["organisation"], own["own"], own["anchors"]) == (OWN, True, [ours])
    assert (partner["organisation"], partner["own"], partner["anchors"]) == (PARTNER, False, [theirs])
    assert partner["certificates"][0]["key_usage"] == ["key_cert_sign", "crl_sign"]


async def test_a_partners_resource_is_added_and_removed(world: World) -> None:
    await world.call("POST", f"{API}/nodes", node())

    added = await world.call("POST", f"{API}/resources", resource())
    removed = await world.call("DELETE", added.headers["Location"])

    assert added.document["host"] == f"orders.{PARTNER}"
    assert removed.status == 204
    assert (await world.call("GET", f"{API}/resources")).document["items"] == []


async def test_a_resource_that_a_grant_names_stays(world: World) -> None:
    await world.call("POST", f"{API}/resources", own_resource())
    await world.call("POST", f"{API}/grants", grant())

    refused = await world.call("DELETE", f"{API}/resources/stockfish@{OWN}")
    await world.call("DELETE", f"{API}/grants/luebeck-uses-stockfish")
    removed = await world.call("DELETE", f"{API}/resources/stockfish@{OWN}")

    assert (refused.status, refused.code) == (409, "still_referenced")
    assert "luebeck-uses-stockfish" in refused.document["detail"]
    assert removed.status == 204


async def test_a_grant_is_shown_as_it_was_given(world: World) -> None:
    await world.call("POST", f"{API}/resources", own_resource())
    capabilities = [{"methods": ["GET"], "path": "/today", "tools": []}]

    added = await world.call("POST", f"{API}/grants", grant(capabilities=capabilities))
    listed = await world.call("GET", f"{API}/grants")

    assert added.document["capabilities"] == capabilities
    assert listed.document["items"] == [added.document]


async def test_resources_are_loaded_as_lines_when_somebody_serves_each(world: World) -> None:
    await world.call("POST", f"{API}/nodes", node())
    good = [resource(f"r-{number}", nodes=["lb-1"]) for number in range(30)]
    bad = [*good, resource("r-x", nodes=["lb-9"]), own_resource("r-y", upstreams=[])]

    refused = await world.call("POST", f"{API}/resources", _lines(bad), headers=NDJSON)
    loaded = await world.call("POST", f"{API}/resources", _lines(good), headers=NDJSON)

    found = [(error["line"], error["code"]) for error in refused.document["errors"]]
    assert found == [(31, "unknown_node"), (32, "resource_without_nodes")]
    assert loaded.document == {"lines": 30, "revision": 2}


async def test_resources_of_many_organisations_are_checked_against_their_own_nodes(world: World) -> None:
    names = [f"org-{number}.example" for number in range(20)]
    nodes = [node("n", organisation=name, spiffe_id=f"spiffe://{name}/gateway/n") for name in names[1:]]
    await world.call("POST", f"{API}/nodes", _lines(nodes), headers=NDJSON)

    answer = await world.call(
        "POST",
        f"{API}/resources",
        _lines([resource(organisation=name, nodes=["n"]) for name in names]),
        headers=NDJSON,
    )

    assert [error["line"] for error in answer.document["errors"]] == [1]


def _lines(documents: list[dict[str, object]]) -> bytes:
    return "\n".join(json.dumps(document) for document in documents).encode()
