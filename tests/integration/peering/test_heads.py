"""Heads of audit logs are countersigned and kept; one that goes back or forks is refused, with proof."""

from dataclasses import replace

import pytest

from control_plane.chain import head as heads
from control_plane.model.audit import EventType
from control_plane.model.identity import TrustDomain
from control_plane.peering.offering import Offering
from control_plane.peering.refusal import RefusedError
from control_plane.peering.witnessing import HeadWitness, head_in, name_of
from control_plane.pki import jws
from control_plane.pki.jws import signed_by
from tests.fakes.heads import FakeHeads
from tests.integration.peering.audits import auditing, trust
from tests.integration.peering.conftest import Deploy
from tests.integration.peering.deployment import Deployment

pytestmark = pytest.mark.integration

LUEBECK, VISBY = TrustDomain("luebeck.example"), TrustDomain("visby.example")


async def partners(deployment: Deploy) -> tuple[Deployment, Deployment, Offering]:
    luebeck, visby = await deployment(LUEBECK), await deployment(VISBY)
    await trust(luebeck, visby)
    return luebeck, visby, auditing(luebeck).offering


async def refused(offering: Offering) -> str:
    with pytest.raises(RefusedError) as caught:
        await offering.offer(VISBY)
    return caught.value.code


async def test_a_head_is_countersigned_and_kept_on_both_sides(deployment: Deploy) -> None:
    luebeck, visby, offering = await partners(deployment)
    luebeck.log.grow(7)

    ours = await offering.offer(VISBY)
    theirs = await visby.database.heads.theirs(LUEBECK)

    assert ours is not None
    assert theirs is not None
    assert (ours.size, theirs.size) == (7, 7)
    assert ours.head == theirs.head
    assert ours.countersigned == theirs.countersigned
    assert head_in(theirs.head).organisation == LUEBECK
    signed = jws.read(ours.countersigned, HeadWitness.TYP)
    bundle = visby.authority.bundle()
    assert signed_by(signed, bundle, now=ours.at) == f"spiffe://{VISBY}/control-plane"
    assert name_of(ours.head).encode() in signed.payload


async def test_a_log_that_grows_is_witnessed_with_a_proof_each_time(deployment: Deploy) -> None:
    luebeck, visby, offering = await partners(deployment)

    for rows in (1, 5, 100):
        luebeck.log.grow(rows)
        await offering.round()
    await offering.round()  # nothing new

    held = await visby.database.heads.theirs(LUEBECK)
    assert held is not None
    assert held.size == 106
    assert await offering.problems() == ()


async def test_a_log_without_rows_has_no_head_to_offer(deployment: Deploy) -> None:
    _, visby, offering = await partners(deployment)

    assert await offering.offer(VISBY) is None
    assert await visby.database.heads.all() == []


async def test_we_forgot_what_was_witnessed_and_begin_where_the_partner_is(deployment: Deploy) -> None:
    luebeck, _, offering = await partners(deployment)
    luebeck.log.grow(9)
    await offering.offer(VISBY)
    forgetful = replace(offering, kept=FakeHeads())  # a restored backup: it does not have it
    luebeck.log.grow(9)

    held = await forgetful.offer(VISBY)

    assert held is not None
    assert held.size == 18


async def test_a_log_that_went_back_is_refused_and_both_heads_are_kept(deployment: Deploy) -> None:
    luebeck, visby, offering = await partners(deployment)
    luebeck.log.grow(9)
    await offering.offer(VISBY)
    del luebeck.log.leaves[5:]

    own = await refused(offering)  # we see it ourselves first
    theirs = await refused(replace(offering, kept=FakeHeads()))

    (evidence,) = await visby.database.heads.evidence(limit=10)
    assert (own, theirs, evidence.code) == ("head_went_back", "head_went_back", "head_went_back")
    sizes = [head_in(text).size for text in (evidence.held, evidence.offered)]
    assert sizes == [9, 5]
    for text in (evidence.held, evidence.offered):
        signed_by(jws.read(text, heads.TYP), luebeck.authority.bundle(), now=evidence.at)
    (event,) = await visby.audited("audit.head")
    assert (event.event_type, event.reason, event.decision) == (
        EventType.RECONCILIATION,
        "head_went_back",
        "failed",
    )
    (problem,) = await auditing(visby).offering.problems()
    assert (problem.code, problem.subject) == ("head_went_back", f"partner {LUEBECK}")


async def test_a_log_whose_past_changed_is_refused_until_an_operator_accepts_it(deployment: Deploy) -> None:
    luebeck, visby, offering = await partners(deployment)
    luebeck.log.grow(9)
    await offering.offer(VISBY)
    luebeck.log.leaves[3] = bytes(32)
    luebeck.log.grow(1)

    first = await refused(offering)
    await offering.round()
    ours = await offering.problems()
    await visby.database.heads.accept(LUEBECK, actor="alice")
    held = await offering.offer(VISBY)
    await offering.round()

    assert first == "head_forked"
    assert [(problem.code, problem.subject) for problem in ours] == [("head_forked", f"partner {VISBY}")]
    assert held is not None
    assert held.size == 10
    assert await offering.problems() == ()
    assert await auditing(visby).offering.problems() == ()


async def test_a_head_of_somebody_else_is_refused(deployment: Deploy) -> None:
    luebeck, visby, offering = await partners(deployment)
    visby.log.grow(3)

    assert await refused(replace(offering, log=visby.log)) == "bad_head"
    assert await visby.database.heads.theirs(LUEBECK) is None
    assert await luebeck.database.heads.ours(VISBY) is None
