"""Who is connected, and what they did with what they were sent, written down about once a second."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

import structlog

from control_plane.model.delivery import Delivery, Difference
from control_plane.ports.deliveries import DeliveryLog, GatewayState
from control_plane.ports.errors import UnavailableError
from control_plane.xds.subscription import Subscription

SAVE_SECONDS = 1.0  # between two writings
BATCH = 20  # states that are made without letting others run

_log = structlog.get_logger(__name__)


class Connected(Protocol):
    """One gateway's open stream."""

    def deliveries(self) -> tuple[Delivery, ...]:
        """What came of everything sent."""

    def doubts(self) -> Mapping[str, frozenset[str]]:
        """What the gateway may have applied and will not list, by type."""

    def differences(self) -> tuple[Difference, ...]:
        """How far each resource got."""

    def wished(self) -> Subscription | None:
        """What clusters it asks for; None before it does."""

    def replace(self) -> None:
        """End, because the gateway opened another stream."""


class Unheard:
    """Implements ports.deliveries.DeliveryLog for streams that nobody wants to hear of."""

    async def save(self, states: Sequence[GatewayState]) -> None:
        """Forget them."""

    async def all(self) -> list[GatewayState]:
        """Nobody."""
        return []


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Gateways:
    """The streams of this replica, one for each gateway, and their states for everybody."""

    def __init__(self, log: DeliveryLog, *, replica: str, clock: Callable[[], datetime] = _utc_now) -> None:
        self._log = log
        self._replica = replica
        self._clock = clock
        self._streams: dict[str, Connected] = {}
        self._left: dict[str, tuple[Delivery, ...]] = {}  # disconnected, and not written down yet
        self._doubts: dict[str, Mapping[str, frozenset[str]]] = {}  # of gateways that left
        self._touched: set[str] = set()
        self._news = asyncio.Event()

    @property
    def connected(self) -> tuple[str, ...]:
        """Ids of the gateways that this replica serves."""
        return tuple(sorted(self._streams))

    def differences(self, gateway: str) -> tuple[Difference, ...] | None:
        """Every resource that this gateway should have (ports.deliveries.Streams)."""
        stream = self._streams.get(gateway)
        return None if stream is None else stream.differences()

    def wished(self, gateway: str) -> Subscription | None:
        """What clusters this gateway asks for; None while it is not connected here."""
        stream = self._streams.get(gateway)
        return None if stream is None else stream.wished()

    def enter(self, gateway: str, stream: Connected) -> Mapping[str, frozenset[str]]:
        """Take a gateway's stream, in place of the one that it had; what that one left in doubt."""
        before = self._streams.get(gateway)
        self._streams[gateway] = stream
        self._left.pop(gateway, None)
        self.touch(gateway)
        doubts = self._doubts.pop(gateway, {})
        if before is not None:
            doubts = before.doubts()
            before.replace()
        return doubts

    def leave(self, gateway: str, stream: Connected) -> None:
        """Let go of a stream that ended; no news when another one replaced it."""
        if self._streams.get(gateway) is stream:
            del self._streams[gateway]
            self._left[gateway] = stream.deliveries()
            if doubts := stream.doubts():
                self._doubts[gateway] = doubts
            self.touch(gateway)

    def touch(self, gateway: str) -> None:
        """Note that something of this gateway is different."""
        if gateway not in self._touched:
            self._touched.add(gateway)
            self._news.set()

    async def run(self) -> None:
        """Write down what is different, at once and then at most every second, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.save()
            except UnavailableError as error:
                _log.warning("deliveries not saved", replica=self._replica, error=str(error))
            except Exception:  # noqa: BLE001 - a defect here must not end what the gateways are told
                _log.exception("deliveries not saved", replica=self._replica)
            await asyncio.sleep(SAVE_SECONDS)

    async def save(self) -> None:
        """Write down what is different now; it stays noted when that fails or is cancelled."""
        touched, self._touched = self._touched, set()
        written = False
        try:
            states = await self._states(touched)
            if states:
                await self._log.save(states)
            written = True
        finally:
            if not written:
                self._touched |= touched
                self._news.set()
        for state in states:
            if not state.connected and state.gateway not in self._touched:
                self._left.pop(state.gateway, None)

    async def _states(self, gateways: Iterable[str]) -> list[GatewayState]:
        states = []
        for number, gateway in enumerate(sorted(gateways)):
            if number % BATCH == BATCH - 1:
                await asyncio.sleep(0)
            states.append(self._state(gateway))
        return states

    def _state(self, gateway: str) -> GatewayState:
        stream = self._streams.get(gateway)
        deliveries = self._left.get(gateway, ()) if stream is None else stream.deliveries()
        return GatewayState(gateway, stream is not None, deliveries, self._replica, self._clock())
