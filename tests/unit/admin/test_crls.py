"""A partner's revocation lists: set, shown, replaced, removed; and what is refused."""

from datetime import timedelta

import pytest

from control_plane.model.agreement import Agreement
from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.crl import CrlMode, CrlPolicy
from tests.unit.admin.test_federation import API
from tests.unit.admin.world import PARTNER, World, certificate
from tests.unit.pki.federation import LUEBECK, organisation
from tests.unit.pki.minting import DAY, NOW, authority, chain_pem, crl_pem, mint

CRLS = f"{API}/bundles/{PARTNER}/crls"
TWIN = mint(authority(f"{LUEBECK} root", owner="a twin of luebeck"))
ROOT, ISSUING = organisation(LUEBECK).root, organisation(LUEBECK).issuing


async def agree(world: World) -> None:
    terms = {"organisation": PARTNER, "state": "trusted", "bundle": chain_pem(ROOT)}
    assert (await world.call("POST", f"{API}/agreements", terms)).status == 201


async def bundle_of(world: World) -> Bundle:
    stored = await world.objects.get(Kind.BUNDLE, PARTNER)
    assert stored is not None
    assert isinstance(stored.value, Bundle)
    return stored.value


async def epoch_of(world: World) -> int:
    stored = await world.objects.get(Kind.AGREEMENT, PARTNER)
    assert stored is not None
    assert isinstance(stored.value, Agreement)
    return stored.value.epoch


async def test_lists_are_set_with_a_policy_and_shown(world: World) -> None:
    await agree(world)
    body = {"crls": crl_pem(ROOT, 7) + crl_pem(ISSUING), "mode": "soft", "grace": 3600}

    answer = await world.call("PUT", CRLS, body)
    shown = await world.call("GET", CRLS)

    assert answer.status == shown.status == 200
    assert answer.document == shown.document
    assert (shown.document["mode"], shown.document["grace"]) == ("soft", 3600)
    assert [(one["of_anchor"], one["revoked"]) for one in shown.document["lists"]] == [(True, 1), (False, 0)]
    assert shown.document["problems"] == []
    bundle = await bundle_of(world)
    assert len(bundle.crls) == 2
    assert bundle.crl_policy == CrlPolicy(CrlMode.SOFT, timedelta(hours=1))
    assert world.audit.events[-1].action == "agreement.cut"
    assert world.audit.events[-2].action == "bundle.set-crls"


async def test_open_connections_end_when_more_is_revoked_and_only_then(world: World) -> None:
    await agree(world)

    epochs, upstream = [], []
    for serials in ((), (7,), (7,), (7, 8), (8,)):
        assert (await world.call("PUT", CRLS, {"crls": crl_pem(ROOT, *serials)})).status == 200
        epochs.append(await epoch_of(world))
        upstream.append((await bundle_of(world)).crl_epoch)

    assert epochs == upstream == [0, 1, 1, 2, 2]


async def test_the_policy_changes_without_the_lists(world: World) -> None:
    await agree(world)
    await world.call("PUT", CRLS, {"crls": crl_pem(ROOT)})

    answer = await world.call("PUT", CRLS, {"mode": "soft"})

    assert (answer.status, answer.document["mode"], len(answer.document["lists"])) == (200, "soft", 1)


async def test_what_is_missing_or_late_is_told(world: World) -> None:
    await agree(world)

    late = crl_pem(ROOT, begin=NOW - 3 * DAY, end=NOW - DAY)
    answer = await world.call("PUT", CRLS, {"crls": late})

    assert [problem["code"] for problem in answer.document["problems"]] == ["crl_expired"]


async def test_lists_are_forgotten_with_their_policy(world: World) -> None:
    await agree(world)
    await world.call("PUT", CRLS, {"crls": crl_pem(ROOT, 7), "mode": "soft"})

    answer = await world.call("DELETE", CRLS)

    assert answer.status == 204
    assert await bundle_of(world) == Bundle(PARTNER, (chain_pem(ROOT),), sequence=1, crl_epoch=1)


async def test_new_anchors_set_by_hand_revoke_what_was_revoked_before(world: World) -> None:
    await agree(world)
    await world.call("PUT", CRLS, {"crls": crl_pem(ROOT, 7)})
    before = await bundle_of(world)

    terms = {"state": "trusted", "bundle": certificate(PARTNER)[0]}
    await world.call("PUT", f"{API}/agreements/{PARTNER}", terms)

    after = await bundle_of(world)
    assert after.anchors != before.anchors
    assert after.crls == before.crls


@pytest.mark.parametrize(
    ("crls", "code"),
    [
        pytest.param("", "bad_crl", id="no list"),
        pytest.param(chain_pem(ROOT), "bad_crl", id="a certificate"),
        pytest.param(crl_pem(ROOT, 7) + crl_pem(ROOT), "duplicate_crl", id="two of one authority"),
        pytest.param(crl_pem(ROOT) * 65, "too_many_crls", id="65"),
        pytest.param(crl_pem(TWIN), "foreign_crl", id="one that another signed in an anchor's name"),
    ],
)
async def test_bad_lists_change_nothing(world: World, crls: str, code: str) -> None:
    await agree(world)
    before = world.state

    answer = await world.call("PUT", CRLS, {"crls": crls})

    assert (answer.status, answer.code) == (422, code)
    assert world.state == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"mode": "softly"}, "bad_choice", id="another mode"),
        pytest.param({"grace": -1}, "bad_grace", id="a negative grace"),
        pytest.param({"grace": 1e12}, "bad_grace", id="an endless grace"),
    ],
)
async def test_bad_policies_change_nothing(world: World, change: dict[str, object], code: str) -> None:
    await agree(world)
    before = world.state

    answer = await world.call("PUT", CRLS, {"crls": crl_pem(ROOT), **change})

    assert (answer.status, answer.code) == (422, code)
    assert world.state == before


async def test_a_list_that_is_older_than_ours_is_refused(world: World) -> None:
    await agree(world)
    await world.call("PUT", CRLS, {"crls": crl_pem(ROOT, 7, number=9)})

    answer = await world.call("PUT", CRLS, {"crls": crl_pem(ROOT, number=8)})

    assert (answer.status, answer.code) == (409, "crl_rollback")


async def test_there_is_nothing_to_set_for_a_stranger(world: World) -> None:
    for method, body in (("GET", None), ("PUT", {"crls": crl_pem(ROOT)}), ("DELETE", None)):
        answer = await world.call(method, CRLS, body)
        assert (answer.status, answer.code) == (404, "not_found")


async def test_lists_may_be_longer_than_other_bodies(world: World) -> None:
    await agree(world)
    crls = crl_pem(ROOT, *range(1 << 100, (1 << 100) + 26_000))
    assert len(crls) > 1 << 20

    answer = await world.call("PUT", CRLS, {"crls": crls})
    too_long = await world.call("PUT", CRLS, {"crls": " " * (10 << 20)})

    assert (answer.status, answer.document["lists"][0]["revoked"]) == (200, 26_000)
    assert (too_long.status, too_long.code) == (413, "body_too_large")
