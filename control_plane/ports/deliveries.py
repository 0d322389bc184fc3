"""What the gateways did with what they were sent, kept where every replica can read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from control_plane.model.delivery import Delivery, Difference


@dataclass(frozen=True, slots=True)
class GatewayState:
    """One gateway's stream as the replica that serves it last wrote it down."""

    gateway: str
    connected: bool
    deliveries: tuple[Delivery, ...]
    replica: str
    at: datetime


class Streams(Protocol):
    """The streams of this replica; answers from memory."""

    def differences(self, gateway: str) -> tuple[Difference, ...] | None:
        """Every resource that this gateway should have; None when it is not connected here."""


class DeliveryLog(Protocol):
    """Every method raises UnavailableError when the database cannot be reached."""

    async def save(self, states: Sequence[GatewayState]) -> None:
        """Replace what is known of these gateways."""

    async def all(self) -> list[GatewayState]:
        """Every gateway that ever connected, by id."""
