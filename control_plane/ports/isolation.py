"""Proof that gateways refuse what they must."""

from collections.abc import Sequence
from typing import Protocol

from control_plane.model.gateway import Gateway
from control_plane.model.isolation import IsolationChecked


class IsolationCheck(Protocol):
    """Works on what is running, and leaves nothing behind."""

    async def run(self, gateways: Sequence[Gateway]) -> IsolationChecked:
        """Offer certificates that must not work to each of ``gateways``."""
