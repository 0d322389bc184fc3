"""Asking an Envoy what it thinks of a configuration, before any gateway gets it."""

from typing import Protocol


class Validation(Protocol):
    """Nothing is served, and nothing is dialled."""

    async def fault(self, bootstrap: bytes) -> str | None:
        """Why Envoy would refuse this serialised bootstrap, in its own words; None when it would not.

        Raises UnavailableError when no Envoy could be asked.
        """
