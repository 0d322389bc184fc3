"""How far gateways work with a partner's bundle: what our heartbeats say of it, and how theirs are read."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from control_plane.model.bundle import Bundle
from control_plane.model.change import Kind
from control_plane.model.identity import TrustDomain
from control_plane.model.xds import SECRET
from control_plane.ports.deliveries import DeliveryLog, GatewayState
from control_plane.ports.errors import UnavailableError
from control_plane.ports.objects import Objects

# The longest that a control plane needs to notice a change, send it, and write down what became of it.
SETTLED = timedelta(seconds=10)
LOOK = 2.0  # seconds
_PHASE = re.compile(r"gateways ([0-9]{1,19})\Z")
_PAGE = 500

_log = structlog.get_logger()


def phase_of(sequence: int) -> str:
    """How a heartbeat says that all gateways work with a bundle."""
    return f"gateways {sequence}"


def sequence_of(phase: str) -> int | None:
    """Which bundle a partner's gateways work with, as its heartbeat says; None when it does not."""
    match = _PHASE.match(phase)
    return int(match[1]) if match else None


def settled(states: list[GatewayState]) -> bool:
    """Whether every gateway is there and has acknowledged all trust anchors that it was sent."""
    secrets = [one for state in states for one in state.deliveries if one.type_url == SECRET]
    open_ones = any(one.in_flight or one.refused for one in secrets)
    return all(state.connected for state in states) and not open_ones


@dataclass(slots=True, kw_only=True)
class Takeover:
    """``phase`` answers from memory, for ``peering``; ``run`` is a task of its owner."""

    objects: Objects
    deliveries: DeliveryLog
    clock: Callable[[], datetime]
    _phases: dict[TrustDomain, str] = field(default_factory=dict)

    def phase(self, organisation: TrustDomain) -> str:
        """Which bundle of ``organisation`` all our gateways work with; empty when that is not known."""
        return self._phases.get(organisation, "")

    async def run(self) -> None:
        """Look until cancelled; while the database is away, what was true stays true."""
        while True:
            try:
                await self.look()
            except UnavailableError as error:
                _log.debug("phases wait for the database", detail=str(error))
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Take over what is known now. A bundle that is not acknowledged yet leaves the last phase."""
        if not settled(await self.deliveries.all()):
            return
        after, now = "", self.clock()
        while page := await self.objects.page(Kind.BUNDLE, after=after, limit=_PAGE):
            for stored in page:
                if isinstance(stored.value, Bundle) and now - stored.updated_at >= SETTLED:
                    self._phases[stored.value.organisation] = phase_of(stored.value.sequence)
            after = page[-1].key
