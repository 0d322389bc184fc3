"""What is written down of the gateways: the last of each, once, and again when it could not be."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from control_plane.model.delivery import Delivery, Difference, Progress
from control_plane.model.xds import CLUSTER
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.errors import UnavailableError
from control_plane.xds.gateways import Gateways

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


class Log:
    """Takes states, or is away."""

    def __init__(self) -> None:
        self.away = False
        self.slow = False
        self.saved: list[GatewayState] = []

    async def save(self, states: Sequence[GatewayState]) -> None:
        if self.away:
            raise UnavailableError("no database")
        if self.slow:
            await asyncio.Event().wait()
        self.saved += states

    async def all(self) -> list[GatewayState]:
        return self.saved


class Stream:
    """One gateway's stream with a given number of acknowledged clusters."""

    def __init__(self, acknowledged: int, *doubted: str) -> None:
        self.acknowledged = acknowledged
        self.doubted = frozenset(doubted)
        self.replaced = False

    def doubts(self) -> dict[str, frozenset[str]]:
        return {CLUSTER: self.doubted} if self.doubted else {}

    def deliveries(self) -> tuple[Delivery, ...]:
        return (Delivery(CLUSTER, wanted=9, in_flight=0, acknowledged=self.acknowledged),)

    def differences(self) -> tuple[Difference, ...]:
        return tuple(
            Difference(CLUSTER, f"c{n}", "v", Progress.ACKNOWLEDGED) for n in range(self.acknowledged)
        )

    def wished(self) -> None:
        return None

    def replace(self) -> None:
        self.replaced = True


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def gateways(log: Log) -> Gateways:
    return Gateways(log, replica="one", clock=lambda: MOMENT)


async def test_the_state_is_written_once_until_something_is_different(log: Log, gateways: Gateways) -> None:
    gateways.enter("gw", Stream(3))

    await gateways.save()
    await gateways.save()

    assert log.saved == [
        GatewayState("gw", connected=True, deliveries=Stream(3).deliveries(), replica="one", at=MOMENT)
    ]
    assert gateways.connected == ("gw",)


async def test_a_gateway_that_left_keeps_its_last_figures(log: Log, gateways: Gateways) -> None:
    stream = Stream(3)
    gateways.enter("gw", stream)
    await gateways.save()
    stream.acknowledged = 4

    gateways.leave("gw", stream)
    await gateways.save()

    assert [(state.connected, state.deliveries[0].acknowledged) for state in log.saved] == [
        (True, 3),
        (False, 4),
    ]
    assert gateways.connected == ()


async def test_a_second_stream_takes_over_and_the_firsts_end_is_no_news(log: Log, gateways: Gateways) -> None:
    first, second = Stream(1), Stream(2)
    gateways.enter("gw", first)

    gateways.enter("gw", second)
    gateways.leave("gw", first)
    await gateways.save()

    assert first.replaced
    assert not second.replaced
    assert [(state.connected, state.deliveries[0].acknowledged) for state in log.saved] == [(True, 2)]


async def test_what_could_not_be_written_is_written_later(log: Log, gateways: Gateways) -> None:
    stream = Stream(5)
    gateways.enter("gw", stream)
    gateways.leave("gw", stream)
    log.away = True
    with pytest.raises(UnavailableError):
        await gateways.save()

    log.away = False
    await gateways.save()
    await gateways.save()

    assert [(state.connected, state.deliveries[0].acknowledged) for state in log.saved] == [(False, 5)]


async def test_what_was_being_written_when_the_server_stopped_is_written_at_the_end(
    log: Log, gateways: Gateways
) -> None:
    stream = Stream(5)
    gateways.enter("gw", stream)
    gateways.leave("gw", stream)
    log.slow = True
    running = asyncio.create_task(gateways.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    log.slow = False
    await gateways.save()

    assert [state.connected for state in log.saved] == [False]


async def test_writing_goes_on_after_a_failure(
    log: Log, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.xds.gateways.SAVE_SECONDS", 0.0)
    log.away = True
    gateways.enter("gw", Stream(5))
    running = asyncio.create_task(gateways.run())
    for _ in range(5):
        await asyncio.sleep(0)

    log.away = False
    for _ in range(5):
        await asyncio.sleep(0)
    running.cancel()

    assert [state.gateway for state in log.saved] == ["gw"]


async def test_many_gateways_are_all_written(log: Log, gateways: Gateways) -> None:
    for number in range(75):
        gateways.enter(f"gw-{number}", Stream(number))

    await gateways.save()

    assert len({state.gateway for state in log.saved}) == 75


async def test_what_a_stream_left_in_doubt_is_told_to_the_next_one_of_its_gateway_once(
    gateways: Gateways,
) -> None:
    gateways.enter("gw", first := Stream(1, "a"))
    gateways.leave("gw", first)

    others = gateways.enter("other", Stream(1))
    told = gateways.enter("gw", Stream(1, "b"))
    taken_over = gateways.enter("gw", last := Stream(1))
    gateways.leave("gw", last)
    again = gateways.enter("gw", Stream(1))

    assert (others, again) == ({}, {})
    assert (set(told[CLUSTER]), set(taken_over[CLUSTER])) == ({"a"}, {"b"})
