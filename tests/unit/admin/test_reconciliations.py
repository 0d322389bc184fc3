"""Comparing the audit with partners: on demand, as reports, in the status and among the metrics."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from control_plane.admin.tokens import Role
from control_plane.model.agreement import Agreement, AgreementState
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import Problem
from control_plane.model.reconciliation import Difference, Outcome
from tests.unit.admin.test_checks import WELL, trust
from tests.unit.admin.world import PARTNER, World, running

PATH = "/api/v1/audit/reconciliations"
WHEN = datetime(2026, 1, 1, 12, tzinfo=UTC)
DIFFERENCE = Difference(
    correlation_id="c-1",
    outcome=Outcome.DIFFERING,
    timestamp=WHEN,
    fields=("path",),
    ours={"path": "/a"},
    theirs={"path": "/b"},
)


async def test_a_comparison_on_demand_answers_its_report_and_is_kept(world: World) -> None:
    world.reconciling.finds = (DIFFERENCE,)
    body = {
        "organisation": PARTNER,
        "since": "2026-01-01T11:00:00Z",
        "until": "2026-01-01T12:00:00Z",
    }

    answer = await world.call("POST", PATH, body)
    kept = await world.call("GET", answer.headers["Location"])
    listed = await world.call("GET", PATH, params={"organisation": PARTNER})

    assert (answer.status, answer.document["agrees"], answer.document["differing"]) == (201, False, 1)
    assert answer.document["since"] == "2026-01-01T11:00:00Z"
    assert answer.document["differences"][0]["theirs"] == {"path": "/b"}
    assert kept.document == answer.document
    assert [one["differences"] for one in listed.document["items"]] == [[]]


async def test_without_times_the_last_hour_is_compared(world: World) -> None:
    answer = await world.call("POST", PATH, {"organisation": PARTNER})

    since, until = (datetime.fromisoformat(answer.document[name]) for name in ("since", "until"))
    assert (until - since).total_seconds() == 3600
    assert 0 <= (datetime.now(UTC) - until).total_seconds() - 60 < 10


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_field"),
        ({"organisation": "?"}, "bad_trust_domain"),
        (
            {
                "organisation": PARTNER,
                "since": "2026-01-01T12:00:00Z",
                "until": "2026-01-01T12:00:00Z",
            },
            "bad_interval",
        ),
    ],
)
async def test_what_cannot_be_compared_is_refused(world: World, body: dict[str, str], code: str) -> None:
    answer = await world.call("POST", PATH, body)

    assert (answer.status, answer.code) == (422, code)
    assert world.reconciling.reports.reports == []


async def test_a_viewer_may_read_and_not_compare(world: World) -> None:
    viewer = world.bearer(Role.VIEWER)

    read = await world.remote("GET", PATH, headers=viewer)
    compared = await world.remote("POST", PATH, headers=viewer, body=b"{}")

    assert (read.status, compared.status) == (200, 403)


async def test_pages_of_reports_follow_each_other(world: World) -> None:
    for _ in range(3):
        await world.call("POST", PATH, {"organisation": PARTNER})

    first = await world.call("GET", PATH, params={"limit": "2"})
    second = await world.call("GET", PATH, params={"limit": "2", "after": first.document["next"]})

    ids = [one["id"] for one in [*first.document["items"], *second.document["items"]]]
    assert ids == ["report-3", "report-2", "report-1"]
    assert second.document["next"] is None


async def test_an_unknown_report_is_not_found(world: World) -> None:
    answer = await world.call("GET", f"{PATH}/none")

    assert (answer.status, answer.code) == (404, "not_found")


async def test_what_differs_is_a_problem_of_the_status_and_a_metric(world: World) -> None:
    world.reconciling.finds = (DIFFERENCE,)
    world.reconciling.wrong = (Problem("partner luebeck.example", "audits_differ", "1 request", "look"),)
    await world.call("POST", PATH, {"organisation": PARTNER})

    status = await world.call("GET", "/api/v1/status")
    metrics = (await world.call("GET", "/metrics")).document

    assert [one["code"] for one in status.document["problems"]] == ["audits_differ"]
    assert f'proxenia_audit_differences_open{{organisation="{PARTNER}"}} 1.0' in metrics
    assert f'proxenia_audit_agrees{{organisation="{PARTNER}"}} 0.0' in metrics


async def test_a_trusted_partner_that_was_never_compared_ages_from_its_activation() -> None:
    async with running(partners=True) as world:
        world.views.known = [WELL, replace(WELL, organisation=TrustDomain("visby.example"))]
        await trust(world, Agreement(PARTNER, AgreementState.TRUSTED))
        await trust(world, Agreement(TrustDomain("visby.example"), AgreementState.REVOKED))
        world.objects.past = [(*one[:3], one[3] - timedelta(hours=4)) for one in world.objects.past]

        never = await ages(world)
        await world.call("POST", PATH, {"organisation": PARTNER})
        world.reconciling.reports.reports[-1] = replace(
            world.reconciling.reports.reports[-1], actor="schedule"
        )
        compared = await ages(world)

    assert never.keys() == compared.keys() == {PARTNER}
    assert 4 * 3600 <= never[PARTNER] < 4 * 3600 + 60
    assert compared[PARTNER] < 120


async def ages(world: World) -> dict[str, float]:
    text = (await world.call("GET", "/metrics")).document
    found = re.findall(r'^proxenia_audit_compared_seconds\{organisation="(.+)"\} (.+)$', text, re.MULTILINE)
    return {name: float(value) for name, value in found}
