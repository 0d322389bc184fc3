"""Asking an Envoy what it thinks of a configuration, before any gateway gets it."""

from typing import Protocol

from control_plane.ports.errors import UnavailableError


class NoVerdictError(UnavailableError):
    """Envoy began to read and ended without a word: killed, or by a defect that this configuration meets."""


class Validation(Protocol):
    """Nothing is served, and nothing is dialled."""

    async def fault(self, bootstrap: bytes) -> str | None:
        """Why Envoy would refuse this serialised bootstrap, in its own words; None when it would not.

        Raises NoVerdictError when it ended by a signal, and UnavailableError when no Envoy could be asked.
        """
