"""Gateways ask for the latest cut, and report what they saw of it."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from control_plane.audit.cuts import Cuts
from control_plane.model.agreement import Cut
from control_plane.model.audit import EventType
from control_plane.model.identity import SpiffeId, TrustDomain
from control_plane.model.problem import InvalidValueError
from control_plane.ports.caller import Caller
from control_plane.ports.errors import ForbiddenError
from tests.fakes.audit import FakeAudit

OWN = TrustDomain("luebeck.example")
BERGEN, VISBY = TrustDomain("bergen.example"), TrustDomain("visby.example")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOCAL = Caller(None)


class FakePublished:
    """Implements Published; ``cut`` is a new step."""

    def __init__(self) -> None:
        self.epoch = 0
        self.made: dict[TrustDomain, Cut] = {}
        self._news = asyncio.Event()

    def cut(self, organisation: TrustDomain, seconds_ago: float) -> None:
        number = self.made[organisation].number + 1 if organisation in self.made else 1
        self.made[organisation] = Cut(number, NOW.timestamp() - seconds_ago, "ada", "organisation")
        self.epoch += 1
        self._news.set()
        self._news = asyncio.Event()

    def cuts(self) -> Mapping[TrustDomain, Cut]:
        return self.made

    async def until_cut(self, epoch: int) -> None:
        while self.epoch == epoch:
            await self._news.wait()


class Site:
    """The handler, and what it works with."""

    def __init__(self) -> None:
        self.published, self.audit, self.closing = FakePublished(), FakeAudit(), asyncio.Event()
        self.cuts = Cuts(
            store=self.audit, published=self.published, own=OWN, clock=lambda: NOW, closing=self.closing
        )

    async def ask(
        self, epoch: int, drained: Mapping[str, float] | None = None, caller: Caller = LOCAL
    ) -> dict[str, Any]:
        question = {"gateway": "gw-1", "epoch": epoch, "drained": drained}
        answer: dict[str, Any] = json.loads(await self.cuts.report(json.dumps(question).encode(), caller))
        return answer


def seen(epoch: int, *, left: int = 0, ago_ms: float = 0.0) -> dict[str, float]:
    return {
        "epoch": epoch,
        "pushed_ms": 7.5,
        "ago_ms": ago_ms,
        "connections_before": 3,
        "connections_left": left,
    }


async def test_a_gateway_that_knows_nothing_is_told_at_once_and_one_that_knows_waits_for_news() -> None:
    site = Site()

    first = await site.ask(-1)
    waiting = asyncio.create_task(site.ask(0))
    await asyncio.sleep(0)
    site.published.cut(BERGEN, 0.25)
    second = await waiting

    assert first["epoch"] == 0
    assert second == {"epoch": 1, "since_ms": 250.0}


async def test_a_report_is_one_row_for_each_partner_that_was_cut_lately_also_when_it_is_repeated() -> None:
    site = Site()
    site.published.cut(BERGEN, 2)
    site.published.cut(VISBY, 3600)
    site.closing.set()

    for _ in range(2):
        await site.ask(2, seen(2, ago_ms=500.0))

    (row,) = site.audit.events
    assert (row.event_type, row.reporter, row.resource) == (EventType.NODE_REVOKED, "gw-1", BERGEN)
    assert (row.reason, row.principal, row.decision) == ("organisation", "ada", "allowed")
    assert row.metadata == {
        "number": "1",
        "first_push_ms": "7.5",
        "took_ms": "1500.0",
        "connections_before": "3",
        "connections_left": "0",
    }


async def test_connections_that_are_left_are_told_and_so_is_their_end() -> None:
    site = Site()
    site.published.cut(BERGEN, 2)
    site.closing.set()

    await site.ask(1, seen(1, left=2))
    await site.ask(1, seen(1))

    assert [(row.decision, row.metadata["connections_left"]) for row in site.audit.events] == [
        ("failed", "2"),
        ("allowed", "0"),
    ]


async def test_a_report_that_another_cut_has_overtaken_says_nothing() -> None:
    site = Site()
    site.published.cut(BERGEN, 2)
    site.published.cut(VISBY, 1)

    answer = await site.ask(1, seen(1))

    assert answer["epoch"] == 2
    assert site.audit.events == []


async def test_nobody_reports_for_another_gateway() -> None:
    site = Site()
    site.published.cut(BERGEN, 2)

    with pytest.raises(ForbiddenError, match="gw-1"):
        await site.ask(1, seen(1), Caller(SpiffeId("spiffe://luebeck.example/gateway/gw-2")))

    assert site.audit.events == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"gateway":"gw-1","epoch":"1"}',
        b'{"gateway":"../x"}',
        b'{"gateway":"gw-1","more":1}',
        json.dumps({"gateway": "gw-1", "drained": {**seen(1), "ago_ms": -1}}).encode(),
        json.dumps({"gateway": "gw-1", "drained": {**seen(1), "connections_left": -1}}).encode(),
        b'{"gateway":"gw-1","drained":{"epoch":1,"pushed_ms":NaN}}',
        b" " * 5000,
    ],
)
async def test_bad_reports_are_refused(body: bytes) -> None:
    site = Site()

    with pytest.raises(InvalidValueError):
        await site.cuts.report(body, LOCAL)

    assert site.audit.events == []


async def test_the_end_of_the_control_plane_ends_the_wait() -> None:
    site = Site()
    waiting = asyncio.create_task(site.ask(0))
    await asyncio.sleep(0)

    site.closing.set()

    async with asyncio.timeout(1):
        assert (await waiting)["epoch"] == 0
