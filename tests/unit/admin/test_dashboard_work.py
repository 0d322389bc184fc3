"""Long work of the dashboard: it is started by a form, shows how far it is, and ends."""

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import aiohttp
import pytest

from control_plane.admin.dashboard.labours import harmless
from control_plane.admin.dashboard.work import MAX_KEPT, MAX_RUNNING, Work, Works
from control_plane.admin.problems import ApiError
from control_plane.admin.tokens import Role
from control_plane.model.audit import AuditEvent, EventType
from control_plane.model.identity import TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.model.reconciliation import Difference, Interval, Outcome
from control_plane.ports.reconciliation import Running, Stage
from control_plane.ports.verification import Bad, Verified
from tests.unit.admin.browsing import Browser
from tests.unit.admin.world import PARTNER, World


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    jar = aiohttp.CookieJar(unsafe=True)  # of an address, not of a name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        made = Browser(world, session)
        await made.sign_in(Role.OPERATOR)
        yield made


def work(kind: str = "verify") -> Work:
    return Work(kind, "Working", "ada", "audit")


async def ended(browser: Browser, place: str) -> str:
    """The page of work that has come to its end."""
    for _ in range(200):
        text = await browser.page(place.removeprefix("/ui/"))
        if 'data-running="no"' in text:
            return text
        await asyncio.sleep(0.01)
    raise AssertionError(text)


async def until_ended(works: Works, identifier: str) -> None:
    for _ in range(1_000):
        if not works.find(identifier).running:
            return
        await asyncio.sleep(0)
    raise AssertionError(identifier)


async def started(browser: Browser, kind: str, **fields: str) -> str:
    status, place, text = await browser.send("work", {"kind": kind, **fields})
    assert status == 303, text
    return await ended(browser, place)


async def crossing(world: World, **facts: object) -> None:
    row = f"row {len(world.audit.events)}"
    base: dict[str, object] = {
        "event_id": row,
        "reporter": "gw-1",
        "row_id": row,
        "timestamp": datetime(2026, 5, 4, 12, tzinfo=UTC),
        "event_type": EventType.CROSS_ORG_REQUEST,
        "direction": "egress",
        "correlation_id": "c-1",
        "principal": "spiffe://bergen.example/gateway/gw-1",
        "principal_org": "bergen.example",
        "resource": f"orders@{PARTNER}",
        "decision": "allowed",
        "status": 200,
        "metadata": {"detail": "via_upstream", "path": "/"},
    }
    await world.audit.append([AuditEvent(**(base | facts))])  # type: ignore[arg-type]  # facts of a test


GOOD = Verified(first=0, verified=40, total=100, next="40.ab")


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (Verified(first=40, verified=100, total=100, compared=3), "Rows 0 to 100 of 100 are what they were"),
        (
            Verified(first=40, verified=60, total=100, bad=Bad("row_changed", "row 61 was changed", 61)),
            "The audit is not what it was",
        ),
    ],
)
async def test_the_audit_is_verified_piece_by_piece_to_its_end(
    world: World, browser: Browser, last: Verified, said: str
) -> None:
    world.verifying.answers = [GOOD, last]

    text = await started(browser, "verify")

    assert said in text
    assert [scope.after for scope in world.verifying.asked] == ["", "40.ab"]


async def test_an_export_is_written_and_saved_with_its_proof(world: World, browser: Browser) -> None:
    await crossing(world)
    await crossing(world, decision="denied")

    text = await started(browser, "export", decision="denied")
    saved = re.search(r'href="/ui/(work-file\?id=[^"]+)"', text)
    assert saved is not None
    lines = [json.loads(line) for line in (await browser.page(saved[1])).splitlines()]

    assert "1 rows." in text
    assert [line["type"] for line in lines if line["type"] in {"export", "row", "end"}] == [
        "export",
        "row",
        "end",
    ]
    assert lines[0]["query"]["decision"] == "denied"


async def test_a_table_holds_no_formulas(world: World, browser: Browser) -> None:
    await crossing(world, reason='=HYPERLINK("http://evil.example")', correlation_id="c-2")

    text = await started(browser, "csv", correlation_id="c-2")
    saved = re.search(r'href="/ui/(work-file\?id=[^"]+)"', text)
    assert saved is not None
    rows = list(csv.DictReader(io.StringIO(await browser.page(saved[1]))))

    assert [row["reason"] for row in rows] == ['\'=HYPERLINK("http://evil.example")']
    assert rows[0]["correlation_id"] == "c-2"


@pytest.mark.parametrize("value", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_what_a_spreadsheet_takes_for_a_formula_is_quoted(value: str) -> None:
    assert harmless(value) == f"'{value}"
    assert harmless("plain") == "plain"
    assert harmless(-1) == -1
    assert harmless(None) == ""


async def test_a_comparison_shows_what_differs_and_leads_to_the_request(
    world: World, browser: Browser
) -> None:
    await crossing(world)
    world.reconciling.finds = (
        Difference(
            correlation_id="c-1",
            outcome=Outcome.DIFFERING,
            timestamp=datetime(2026, 5, 4, 12, tzinfo=UTC),
            fields=("outcome",),
            ours={"outcome": "200", "path": "/"},
            theirs={"outcome": "503", "path": "/"},
        ),
    )

    text = await started(
        browser,
        "reconcile",
        organisation=PARTNER,
        since="2026-05-04T11:00:00Z",
        until="2026-05-04T13:00:00Z",
    )
    both = await browser.page("request?id=c-1")

    assert "outcome <code>503</code>" in text
    assert "/ui/request?id=c-1" in text
    assert "<code>200</code>" in both
    assert "<code>503</code>" in both
    assert both.count("differs") == 2
    assert "the same" in both


async def test_a_comparison_shows_how_far_it_is(world: World, browser: Browser) -> None:
    world.reconciling.go = asyncio.Event()
    run = Running(
        organisation=TrustDomain(PARTNER),
        interval=Interval(datetime(2026, 5, 4, 11, tzinfo=UTC), datetime(2026, 5, 4, 13, tzinfo=UTC)),
        actor="token:operator",
        started_at=datetime(2026, 5, 4, 13, tzinfo=UTC),
        stage=Stage.READING,
        share=0.42,
        ours=25_000,
        theirs=20_000,
        named=0,
        to_name=0,
    )
    world.reconciling.runs = replace(run, actor="schedule", share=0.9), run
    status, place, text = await browser.send("work", {"kind": "reconcile", "organisation": PARTNER})
    assert status == 303, text
    told = await _saying(browser, place, "42 of 100 %")
    listed = await browser.page("reconciliation")
    world.reconciling.runs = (replace(run, stage=Stage.NAMING, share=1.0, named=32, to_name=40),)
    named = await _saying(browser, place, "32 of 40 differences are looked up")
    world.reconciling.go.set()

    assert "reading: 25,000 rows of ours, 20,000 of theirs" in told
    assert 'value="42"' in told
    assert "90 %" in listed
    assert 'value="100"' in named
    assert "Both sides say the same" in await ended(browser, place)


async def _saying(browser: Browser, place: str, wanted: str) -> str:
    """The page of work, once it says so."""
    for _ in range(500):
        if wanted in (text := await browser.page(place.removeprefix("/ui/"))):
            return text
        await asyncio.sleep(0.01)
    raise AssertionError(text)


async def test_a_request_that_both_sides_record_alike_is_matched(world: World, browser: Browser) -> None:
    await crossing(world)
    before = await browser.page("request?id=c-1")

    interval = {"since": "2026-05-04T11:00:00Z", "until": "2026-05-04T13:00:00Z"}
    await started(browser, "reconcile", organisation=PARTNER, **interval)
    after = await browser.page("request?id=c-1")

    assert "not compared yet" in before
    assert "matched" in after
    assert "not compared yet" not in after


async def test_who_only_looks_starts_no_comparison(world: World, browser: Browser) -> None:
    await browser.sign_in(Role.VIEWER)

    status, _, text = await browser.send("work", {"kind": "reconcile", "organisation": PARTNER})

    assert (status, "not_permitted" in text) == (403, True)
    assert world.reconciling.reports.reports == []


async def test_a_form_that_is_not_of_this_session_starts_nothing(world: World, browser: Browser) -> None:
    for csrf in ("", "of another session"):
        status, _, text = await browser.post("work", {"csrf": csrf, "kind": "verify"})

        assert (status, "cross_origin" in text) == (403, True)
    assert world.verifying.asked == []


async def test_work_that_is_none_is_refused(browser: Browser) -> None:
    status, _, text = await browser.send("work", {"kind": "remove-everything"})

    assert (status, "not_found" in text) == (404, True)
    assert "still known here" in await browser.page("work?id=nothing", 404)
    await browser.page("work-file?id=nothing", 404)


async def test_work_shows_how_far_it_is_and_keeps_what_came_of_it() -> None:
    works, go = Works(), asyncio.Event()

    async def do(begun: Work) -> None:
        begun.done, begun.total = 1, 2
        await go.wait()
        begun.result = "fine"

    made = works.start(work(), do)
    await asyncio.sleep(0)
    before = works.find(made)
    seen = (before.running, before.done, before.total)
    go.set()
    await until_ended(works, made)

    assert seen == (True, 1, 2)
    assert (works.find(made).result, works.find(made).refusal) == ("fine", None)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ApiError("not_found", "x"), "not_found"),
        (InvalidValueError("bad_time", "x"), "bad_time"),
        (RuntimeError("secret"), "internal_error"),
    ],
)
async def test_work_that_fails_says_why_and_no_more(error: Exception, code: str) -> None:
    works = Works()

    async def do(_: Work) -> None:
        raise error

    made = works.start(work(), do)
    await until_ended(works, made)

    refusal = works.find(made).refusal
    assert refusal is not None
    assert refusal.code == code
    assert "secret" not in refusal.detail


async def test_no_more_goes_on_at_once_than_is_allowed_and_the_oldest_is_forgotten() -> None:
    works, go = Works(), asyncio.Event()

    async def forever(_: Work) -> None:
        await go.wait()

    async def quick(_: Work) -> None:
        return

    running = [works.start(work(), forever) for _ in range(MAX_RUNNING - 1)]
    kept = []
    for _ in range(MAX_KEPT + 1):
        kept.append(works.start(work(), quick))
        await until_ended(works, kept[-1])
    running.append(works.start(work(), forever))

    with pytest.raises(ApiError, match="unavailable"):
        works.start(work(), forever)
    with pytest.raises(ApiError, match="not_found"):
        works.find(kept[0])
    assert all(works.find(one).running for one in running)
    await works.close()
    with pytest.raises(ApiError, match="not_found"):
        works.find(running[0])


async def test_a_request_that_did_not_get_there_is_not_compared(world: World, browser: Browser) -> None:
    await crossing(world, decision="denied", status=503, reason="no_node", metadata={})

    text = await browser.page("request?id=c-1")

    assert "it did not get there" in text
    assert "Compare with" not in text
