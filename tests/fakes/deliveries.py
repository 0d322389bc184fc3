"""An in-memory delivery log that passes the same contract suite as the PostgreSQL one."""

from collections.abc import Sequence

from control_plane.ports.deliveries import GatewayState
from control_plane.ports.errors import UnavailableError


class FakeDeliveries:
    """Implements ports.deliveries.DeliveryLog. Set ``down`` to make every call raise UnavailableError."""

    def __init__(self) -> None:
        self.down = False
        self._states: dict[str, GatewayState] = {}

    async def save(self, states: Sequence[GatewayState]) -> None:
        self._reach()
        for state in states:
            present = self._states.get(state.gateway)
            if present is None or present.at <= state.at:
                self._states[state.gateway] = state

    async def all(self) -> list[GatewayState]:
        self._reach()
        return [self._states[gateway] for gateway in sorted(self._states)]

    def _reach(self) -> None:
        if self.down:
            raise UnavailableError("the database does not answer: it was told to be down")
