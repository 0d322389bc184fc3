"""Two organisations compare their audits, over real TLS and real databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from control_plane.model.agreement import AgreementState
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.peering import BundleSource
from control_plane.model.reconciliation import Interval, Outcome, Reconciliation
from control_plane.peering.answering import Privacy
from control_plane.peering.auditing import Schedule
from control_plane.peering.refusal import RefusedError
from control_plane.ports.reconciliation import Running, Stage
from tests.integration.peering.audits import (
    BEGAN,
    HOURS,
    auditing,
    correlation_id,
    crossing,
    reconciled,
    record,
    traffic,
    trust,
)
from tests.integration.peering.conftest import Deploy
from tests.integration.peering.deployment import Deployment

pytestmark = pytest.mark.integration

LUEBECK, VISBY, RIGA = (TrustDomain(f"{name}.example") for name in ("luebeck", "visby", "riga"))


async def partners(deployment: Deploy, **options: object) -> tuple[Deployment, Deployment]:
    luebeck = await deployment(LUEBECK, **options)
    visby = await deployment(VISBY)
    await trust(luebeck, visby)
    return luebeck, visby


def outcomes(report: Reconciliation) -> dict[str, Outcome]:
    return {one.correlation_id: one.outcome for one in report.differences}


async def test_two_audits_that_say_the_same_agree_in_a_few_messages(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment)
    await traffic(luebeck, visby, range(300))
    await traffic(visby, luebeck, range(300, 500))

    one, other = await reconciled(luebeck, VISBY), await reconciled(visby, LUEBECK)

    for report in (one, other):
        assert report.agrees
        assert (report.ours, report.theirs, report.matched, report.differences) == (500, 500, 500, ())
        assert report.messages == 4
    assert await luebeck.database.reconciliations.get(one.id) == one
    (event,) = await luebeck.audited("audit.reconcile")
    assert (event.event_type, event.principal, event.decision) == (
        EventType.RECONCILIATION,
        "alice",
        "allowed",
    )


async def test_every_kind_of_difference_is_named(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment)
    await traffic(luebeck, visby, range(1000))
    ours, _ = crossing(1001, LUEBECK, VISBY)
    _, theirs = crossing(1002, LUEBECK, VISBY)
    differing = crossing(1003, LUEBECK, VISBY)
    apart = crossing(1004, LUEBECK, VISBY)
    await record(luebeck, [ours, differing[0], apart[0]])
    changed = replace(differing[1], metadata={**differing[1].metadata, "path": "/other"}, action="PUT")
    await record(visby, [theirs, changed, replace(apart[1], timestamp=BEGAN - timedelta(hours=1))])

    report = await reconciled(luebeck, VISBY)

    assert not report.agrees
    assert (report.matched, report.complete) == (1000, True)
    assert (report.only_ours, report.only_theirs, report.differing, report.late) == (1, 1, 1, 1)
    assert outcomes(report) == {
        correlation_id(1001): Outcome.ONLY_OURS,
        correlation_id(1002): Outcome.ONLY_THEIRS,
        correlation_id(1003): Outcome.DIFFERING,
        correlation_id(1004): Outcome.LATE,
    }
    named = next(one for one in report.differences if one.outcome is Outcome.DIFFERING)
    assert named.fields == ("method", "path")
    assert (named.ours["path"], named.theirs["path"]) == ("/orders/1003", "/other")
    (event,) = await luebeck.audited("audit.reconcile")
    assert (event.decision, event.reason, event.metadata["differing"]) == ("failed", "audits_differ", "1")


async def test_who_waits_sees_how_far_a_comparison_is(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment)
    await traffic(luebeck, visby, range(200))
    await record(luebeck, [crossing(200, LUEBECK, VISBY)[0]])
    reconciler = auditing(luebeck).reconciler
    seen: list[Running] = []

    comparing = asyncio.create_task(reconciled(luebeck, VISBY))
    while not comparing.done():
        seen += reconciler.running()
        await asyncio.sleep(0)
    report = await comparing

    assert report.only_ours == 1
    assert list(dict.fromkeys(one.stage for one in seen)) == [one for one in Stage if one != Stage.WAITING]
    assert {(one.organisation, one.interval, one.actor) for one in seen} == {(VISBY, HOURS, "alice")}
    assert [one.share for one in seen] == sorted(one.share for one in seen)
    assert (seen[-1].ours, seen[-1].theirs) == (201, 200)
    assert reconciler.running() == ()


async def test_comparisons_with_one_partner_wait_for_each_other(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment)
    await traffic(luebeck, visby, range(200))
    reconciler = auditing(luebeck).reconciler
    waited: set[TrustDomain] = set()

    comparing = [asyncio.create_task(reconciled(luebeck, VISBY)) for _ in range(5)]
    while not all(one.done() for one in comparing):
        waited |= {one.organisation for one in reconciler.running() if one.stage == Stage.WAITING}
        await asyncio.sleep(0)
    reports = [one.result() for one in comparing]

    assert [(one.error, one.matched, one.agrees) for one in reports] == [("", 200, True)] * 5
    assert waited == {VISBY}
    assert reconciler.running() == ()


async def test_what_was_missing_and_came_later_is_late_and_not_open_any_more(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment)
    egress, ingress = crossing(1, LUEBECK, VISBY)
    await record(luebeck, [egress])
    first = await reconciled(luebeck, VISBY)
    await record(visby, [ingress])

    second = await reconciled(luebeck, VISBY)

    assert (first.only_ours, second.only_ours, second.late) == (1, 0, 1)
    assert second.agrees
    assert await luebeck.database.reconciliations.open(VISBY, limit=10) == []


async def test_rows_at_the_edge_of_the_interval_are_no_difference(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment)
    await traffic(luebeck, visby, range(10))
    edge = crossing(5, LUEBECK, VISBY)[0].timestamp + timedelta(microseconds=1)

    before = await reconciled(luebeck, VISBY, Interval(HOURS.since, edge))
    after = await reconciled(luebeck, VISBY, Interval(edge, HOURS.until))

    assert (before.ours, before.theirs) == (6, 5)
    assert before.agrees
    assert after.agrees


async def test_an_answer_that_got_lost_is_counted_and_no_difference(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment)
    egress, ingress = crossing(1, LUEBECK, VISBY)
    lost = replace(egress, status=504, reason="timeout", metadata={**egress.metadata, "detail": "timeout"})
    await record(luebeck, [lost])
    await record(visby, [ingress])

    report = await reconciled(luebeck, VISBY)

    assert report.agrees
    assert (report.matched, report.unanswered) == (1, 1)


async def test_a_partner_sees_nothing_of_others(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment)
    secret: list[AuditEvent] = [crossing(number, LUEBECK, RIGA)[0] for number in range(20)]
    secret += [crossing(number, RIGA, LUEBECK)[1] for number in range(20, 40)]
    await record(luebeck, secret)

    report = await reconciled(visby, LUEBECK)
    known = await luebeck.database.crossings.known(VISBY, [row.correlation_id for row in secret])

    assert (report.theirs, report.differences, known) == (0, (), [])


async def test_fields_that_stay_at_home_are_compared_and_not_shown(deployment: Deploy) -> None:
    schedule = Schedule(privacy=Privacy(home=frozenset({"path"})))
    luebeck, visby = await partners(deployment, schedule=schedule)
    await traffic(luebeck, visby, range(5))
    egress, ingress = crossing(7, LUEBECK, VISBY)
    await record(luebeck, [egress])
    await record(visby, [replace(ingress, action="PUT")])

    report = await reconciled(visby, LUEBECK)

    (named,) = report.differences
    assert named.fields == ("method",)
    assert (named.theirs["method"], named.theirs["path"]) == ("GET", "(kept at home)")


async def test_fields_that_one_side_leaves_out_are_not_compared(deployment: Deploy) -> None:
    schedule = Schedule(privacy=Privacy(without=frozenset({"path"})))
    luebeck, visby = await partners(deployment, schedule=schedule)
    egress, ingress = crossing(7, LUEBECK, VISBY)
    await record(luebeck, [egress])
    await record(visby, [replace(ingress, metadata={**ingress.metadata, "path": "/x"})])

    assert (await reconciled(luebeck, VISBY)).agrees
    assert (await reconciled(visby, LUEBECK)).agrees


async def test_only_a_trusted_partner_is_answered(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment)
    await luebeck.decide(VISBY, AgreementState.REVOKED)

    report = await reconciled(visby, LUEBECK)

    assert report.error.startswith("partner_revoked")
    assert not report.agrees
    assert await luebeck.refusals() == ["partner_revoked"]
    with pytest.raises(RefusedError, match="revoked"):
        await reconciled(luebeck, VISBY)


async def test_a_partner_that_is_away_delays_nobody_and_is_caught_up_with(deployment: Deploy) -> None:
    luebeck, visby = await partners(deployment, schedule=Schedule(reconcile=1800.0))
    await traffic(luebeck, visby, range(20))
    reconciler = auditing(luebeck).reconciler
    address = visby.address

    await luebeck.partners.introduce(VISBY, [replace(address, port=1)], (await _source(luebeck)))
    await reconciler.round()
    (away,) = await luebeck.database.reconciliations.standings()
    await reconciler.round()  # it was tried a moment ago
    tried = await luebeck.database.reconciliations.page()
    await luebeck.partners.introduce(VISBY, [address], (await _source(luebeck)))
    report = await reconciled(luebeck, VISBY)

    assert (away.error.partition(":")[0], away.compared_until) == ("unavailable", None)
    assert len(tried) == 1
    assert report.matched == 20


async def test_the_schedule_goes_on_where_the_last_good_comparison_ended(deployment: Deploy) -> None:
    luebeck = await deployment(LUEBECK, schedule=Schedule(reconcile=0.05))
    visby = await deployment(VISBY)
    await traffic(luebeck, visby, range(20))
    await trust(visby, luebeck)  # Lübeck trusts last: from then on it compares, and Visby answers

    async with asyncio.timeout(30):
        while len(found := await luebeck.database.reconciliations.page()) < 3:  # noqa: ASYNC110 - the schedule's clock decides
            await asyncio.sleep(0.05)

    *_, second, first = found
    assert (first.matched, first.actor) == (20, "schedule")
    assert second.interval.since == first.interval.until
    assert await luebeck.audited("audit.reconcile") == []


async def _source(deployment: Deployment) -> BundleSource:
    (state,) = await deployment.states.all()
    return state.source
