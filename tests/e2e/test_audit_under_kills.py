"""Under load, with parts killed at random: each request that was answered is a row, once, in a good log.

What a killed Envoy could not write any more the other side has, and comparing the two names it, row by row.
``PROXENIA_TEST_KILLS`` (8) and ``PROXENIA_TEST_RATE`` (300 requests a second) make it longer; what was
promised is 30 kills at 1,000.
"""

import asyncio
import os
import random
import time
from collections import Counter
from functools import partial

import pytest

from control_plane.app.demo.organisation import eventually
from control_plane.model.audit import AuditEvent
from tests.e2e.conftest import room
from tests.e2e.kills import Load, Report, Side, cut, early, load, reports, span
from tests.e2e.pair import pair

KILLS = int(os.environ.get("PROXENIA_TEST_KILLS", "8"))
RATE = int(os.environ.get("PROXENIA_TEST_RATE", "300"))
PAUSE = 2.0  # seconds between kills, at most
LAST = 0.1  # seconds; what a killed Envoy answered in its last ones may be missing
QUIET = 5  # seconds without a new row
LOST = 200  # rows that one kill can take, at most
PARTS = ("envoy", "gateway", "control-plane", "postgres")

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(240 + 12 * KILLS)]


async def test_every_answered_request_is_a_row_whatever_is_killed() -> None:
    chance = random.Random(int(os.environ.get("PROXENIA_TEST_SEED", "1")))  # noqa: S311 - which part is killed
    with room() as directory:
        async with pair(directory, {}, joined=True) as both:
            sides = (Side(both.novgorod, "egress"), Side(both.luebeck, "ingress"))
            order = [PARTS[number % len(PARTS)] for number in range(KILLS)]
            chance.shuffle(order)
            since = time.time() - 60
            async with load(both, RATE) as seen:
                for part in order:
                    await asyncio.sleep(chance.uniform(0.2, PAUSE))
                    side = chance.choice(sides)
                    await eventually(f"{part} to be there", partial(attempt, side, part), within=60)
                rate = len(seen.answered) / (time.time() - seen.began)
            for side in sides:
                await eventually("the control plane to be back", partial(_back, side), within=90)
                await eventually(f"all {side.direction} rows", partial(settled, side), within=90)
            print(f"{KILLS} kills, {len(seen.answered)} requests, {rate:.0f} a second")  # noqa: T201 - the figure
            missing = await judge_differences(*sides, since=since)
            judge_times(*sides, missing, seen)
            for side in sides:
                await judge(side, missing[side.direction], seen)
            assert len(seen.answered) > KILLS * RATE * 0.2


async def attempt(side: Side, part: str) -> bool:
    """Kill; False when that part is just being started after another kill."""
    try:
        await side.kill(part)
    except Exception:  # noqa: BLE001 - whatever says that it is not there yet
        return False
    return True


async def _back(side: Side) -> bool:
    try:
        await side.organisation.get("/readyz", api=False)
        await side.rows()
    except Exception:  # noqa: BLE001 - whatever says that it is not there yet
        return False
    return True


async def settled(side: Side) -> bool:
    """Whether nothing arrives any more, and what Envoy has counted has arrived, but for what a kill takes."""
    rows = await side.rows()
    for _ in range(QUIET):  # an agent that lost its control plane does not try again at once
        await asyncio.sleep(1)
        again = await side.rows()
        if rows["lines"] != again["lines"]:
            return False
    try:
        counted = side.counted.all + (await side.completed()).all
    except OSError:
        return False  # a killed Envoy is just being started
    taken = LOST * len(side.kills)
    return bool(counted - taken <= again["answered"] and (taken or again["answered"] == counted))


async def judge_differences(egress: Side, ingress: Side, *, since: float) -> dict[str, list[AuditEvent]]:
    """What only one side has is what comparing the two says, on both sides; the good ones that each lacks."""
    out, into = await egress.crossings(), await ingress.crossings()
    only = {"only_ours": out.keys() - into.keys(), "only_theirs": into.keys() - out.keys()}
    for own, partner, sets in (
        (egress, ingress, only),
        (ingress, egress, dict(zip(only, reversed(only.values()), strict=True))),
    ):
        found = await reports(own, partner, since=since, differ=sum(map(len, sets.values())))
        named = {(one["correlation_id"], one["outcome"]) for report in found for one in report["differences"]}
        assert [report["error"] for report in found if report["error"] or not report["complete"]] == []
        assert named == {(one, outcome) for outcome, ids in sets.items() for one in ids}
        # A row whose two times lie in two intervals is matched in both.
        matched, both = sum(report["matched"] for report in found), len(out.keys() & into.keys())
        assert matched == both or (matched > both and len(found) > 1)
        await told(own, found)
    return {
        "egress": [into[one] for one in only["only_theirs"]],
        "ingress": [out[one] for one in only["only_ours"]],
    }


def judge_times(egress: Side, ingress: Side, missing: dict[str, list[AuditEvent]], seen: Load) -> None:
    """A row is only missing of what a killed Envoy answered in its LAST seconds, or had not answered yet."""
    times: dict[str, list[float]] = {"egress": [], "ingress": []}
    for event in missing["egress"]:  # the caller knows when Envoy had answered, if it had
        answered, start = seen.answered.get(event.correlation_id), span(event)[0]
        times["egress"].append(early(egress, start, answered) if answered else cut(egress, start))
    for event in missing["ingress"]:
        times["ingress"].append(early(ingress, *span(event)))
    for direction, found in times.items():
        longest = max(found, default=0.0)
        print(f"{direction}: {len(found)} rows missing, answered at most {longest:.3f} s before a kill")  # noqa: T201 - the figure
        assert longest <= LAST


async def told(own: Side, found: list[Report]) -> None:
    """Each comparison that found differences is an event of the audit with their numbers."""
    page = await own.organisation.get("/audit/events", event_type="reconciliation", limit="500")
    events = {event["metadata"]["id"]: event for event in page["items"]}
    for report in found:
        event = events[report["id"]]
        counts = Counter(one["outcome"] for one in report["differences"])
        assert event["reason"] == ("audits_differ" if counts else "")
        assert {name: int(event["metadata"][name]) for name in ("only_ours", "only_theirs")} == {
            name: counts[name] for name in ("only_ours", "only_theirs")
        }


async def judge(side: Side, missing: list[AuditEvent], seen: Load) -> None:
    """Rows are what Envoy counted, but for those that are named as missing."""
    rows, present = await side.rows(), await side.completed()
    good = side.counted.good + present.good
    counted = side.counted.all + present.all
    named = sum(event.status == 200 for event in missing)
    print(f"{side.direction}: {good} counted, {rows['good']} rows, {named} named, {len(side.kills)} kills")  # noqa: T201 - the figure
    assert rows["once"] == rows["lines"]
    assert good <= rows["good"] + named
    assert rows["answered"] <= counted + seen.connections * 20 * len(side.kills)
    if not side.kills:
        assert rows["answered"] == counted
    assert await side.verified() >= rows["lines"]
