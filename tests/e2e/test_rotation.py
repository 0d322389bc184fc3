"""Certificates and anchors change under continuous load, new connections included, and no request fails."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from control_plane.app.demo.organisation import Organisation, eventually
from tests.e2e.conftest import room
from tests.e2e.pair import Pair, change_anchors, pair

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

SETTINGS = {"PROXENIA_LEAF_RENEW_SECONDS": "1", "PROXENIA_CONNECTION_SECONDS": "1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def partners() -> AsyncIterator[Pair]:
    with room() as directory:
        async with pair(directory, SETTINGS) as running:
            yield running


async def test_own_leaves_of_both_sides_change_every_second_without_a_failed_request(partners: Pair) -> None:
    async with partners.load() as load:
        await asyncio.sleep(10)

    assert load.failed == 0, load.outcomes
    assert load.requests > 200
    assert load.handshakes >= 8
    assert all(len(serials) >= 6 for serials in load.serials.values()), load.serials


@pytest.mark.parametrize("own", [0, 1])
async def test_anchors_change_from_start_to_end_without_a_failed_request(partners: Pair, own: int) -> None:
    organisation, partner = partners.organisations[own], partners.organisations[1 - own]
    before = await anchors(organisation)

    async with partners.load() as load:
        await change_anchors(organisation, partner)

    after = await anchors(organisation)
    assert load.failed == 0, load.outcomes
    assert len(before) == len(after) == 1
    assert before != after
    rows = (await organisation.get("/audit/events", limit="500", event_type="operator_action"))["items"]
    actions = [row["action"] for row in rows]
    steps = ["announced", "acknowledged", "taken_over", "switched", "proven", "finished"]
    assert [action for action in reversed(actions) if action.removeprefix("rotation.") in steps] == [
        f"rotation.{step}" for step in steps
    ]


async def test_a_change_of_anchors_can_be_taken_back(partners: Pair) -> None:
    own, before = partners.luebeck, await anchors(partners.luebeck)

    announced = await own.post("/federation/rotation", {})
    both = await anchors(own)
    aborted = await own.post("/federation/rotation/abort", {})

    assert (announced["phase"], aborted["phase"]) == ("announced", "")
    assert both[:1] == before
    assert len(both) == 2
    assert await anchors(own) == before


async def test_everything_that_ends_is_listed_and_measured(partners: Pair) -> None:
    listed = await partners.luebeck.get("/federation/expiry")

    kinds = {item["kind"] for item in listed["items"]}
    assert {"leaf", "intermediate", "root", "partner_anchor"} <= kinds
    assert listed["verdict"] == "ok"


async def anchors(organisation: Organisation) -> list[str]:
    """The anchors that an organisation publishes."""
    bundles = (await organisation.get("/federation/bundles"))["items"]
    found: list[str] = next(
        one["anchors"] for one in bundles if one["organisation"] == organisation.trust_domain
    )
    return found


async def test_anchors_change_by_what_the_partners_control_plane_says_and_nobody_confirms_anything() -> None:
    with room() as directory:
        async with pair(directory, SETTINGS, joined=True) as joined:
            own, partner = joined.organisations
            before = await anchors(own)
            async with joined.load() as load:
                await own.post("/federation/rotation", {})
                await eventually("the change of anchors to end", lambda: finished(own), within=90)
                held = await eventually("the partner to drop the old one", lambda: held_alike(own, partner))
            after = await anchors(own)
            actions = await audited(own)

    assert load.failed == 0, load.outcomes
    assert load.requests > 500
    assert len(before) == len(after) == 1
    assert before != after
    assert held
    assert "rotation.confirm" not in actions
    assert actions[-1] == "rotation.finished"


async def finished(organisation: Organisation) -> bool:
    """Whether no change of anchors is under way (any more)."""
    return not (await organisation.get("/federation/rotation"))["phase"]


async def held_alike(own: Organisation, partner: Organisation) -> bool:
    """Whether the partner holds the anchors that we publish, and no others."""
    held = (await partner.get("/federation/bundles"))["items"]
    theirs = next(one["anchors"] for one in held if one["organisation"] == own.trust_domain)
    return bool(theirs == await anchors(own))


async def audited(organisation: Organisation) -> list[str]:
    """What was done about the rotation, the first first."""
    rows = (await organisation.get("/audit/events", limit="500", event_type="operator_action"))["items"]
    return [row["action"] for row in reversed(rows) if row["action"].startswith("rotation.")]
