"""What our heartbeats say of a partner's bundle: only what every gateway has acknowledged."""

import asyncio
from datetime import timedelta

import pytest

from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.delivery import Delivery, Refusal
from control_plane.model.identity import TrustDomain
from control_plane.model.xds import SECRET
from control_plane.ports.deliveries import GatewayState
from control_plane.ports.objects import Write
from control_plane.trust.takeover import SETTLED, Takeover, phase_of, sequence_of
from tests.fakes.deliveries import FakeDeliveries
from tests.fakes.objects import FakeObjects
from tests.fakes.values import MOMENT

asyncio.set_event_loop(None)  # pytest-asyncio makes one on the side when a test that is not async comes first

VISBY = TrustDomain("visby.example")
REFUSED = (Refusal("trust-visby.example", "v", "no", 1.0),)


def state(*, connected: bool = True, in_flight: int = 0, refused: tuple[Refusal, ...] = ()) -> GatewayState:
    delivery = Delivery(SECRET, 2, in_flight, 2, refused)
    return GatewayState("gw-1", connected, (delivery,), "replica-1", MOMENT)


@pytest.mark.parametrize(
    ("gateway", "age", "expected"),
    [
        (state(), SETTLED, "gateways 8"),
        (state(), SETTLED / 2, ""),
        (state(in_flight=1), SETTLED, ""),
        (state(refused=REFUSED), SETTLED, ""),
        (state(connected=False), SETTLED, ""),
    ],
)
async def test_a_bundle_counts_when_every_gateway_has_it(
    gateway: GatewayState, age: timedelta, expected: str
) -> None:
    objects, deliveries = FakeObjects(), FakeDeliveries()
    await objects.write([Write(Kind.BUNDLE, VISBY, Bundle(VISBY, (), sequence=8))], actor="ada")
    stored = await objects.get(Kind.BUNDLE, VISBY)
    assert stored is not None
    await deliveries.save([gateway])
    takeover = Takeover(objects=objects, deliveries=deliveries, clock=lambda: stored.updated_at + age)

    await takeover.look()

    assert takeover.phase(VISBY) == expected


@pytest.mark.parametrize("phase", ["", "gateways", "gateways x", "gateways 12x", "other 12", "gateways -1"])
def test_anything_else_says_nothing(phase: str) -> None:
    assert sequence_of(phase) is None
    assert sequence_of(phase_of(12)) == 12
