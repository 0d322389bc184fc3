"""What every delivery log does."""

from datetime import datetime, timedelta

from control_plane.model.delivery import Delivery, Refusal
from control_plane.ports.deliveries import DeliveryLog, GatewayState
from tests.fakes.values import MOMENT


def state(gateway: str = "gw-1", *, at: datetime = MOMENT, connected: bool = True) -> GatewayState:
    refusal = Refusal("to/orders.luebeck.example", "abc", "error adding: 'ü'", 1772366400.25)
    delivery = Delivery(
        "type.googleapis.com/x", 3, in_flight=1, acknowledged=1, refused=(refusal,), revision=7
    )
    return GatewayState(gateway, connected, (delivery,), "replica-1", at)


async def test_states_come_back_by_gateway(deliveries: DeliveryLog) -> None:
    await deliveries.save([state("gw-2"), state("gw-1")])

    assert await deliveries.all() == [state("gw-1"), state("gw-2")]


async def test_a_later_state_replaces_an_earlier_one(deliveries: DeliveryLog) -> None:
    later = state(at=MOMENT + timedelta(seconds=1), connected=False)
    await deliveries.save([state()])

    await deliveries.save([later])

    assert await deliveries.all() == [later]


async def test_an_earlier_word_that_comes_late_changes_nothing(deliveries: DeliveryLog) -> None:
    later = state(at=MOMENT + timedelta(seconds=1), connected=False)
    await deliveries.save([later])

    await deliveries.save([state()])

    assert await deliveries.all() == [later]


async def test_nothing_to_save_is_nothing(deliveries: DeliveryLog) -> None:
    await deliveries.save([])

    assert await deliveries.all() == []
