"""Who is at the other end of a gateway's connection."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from control_plane.model.identity import SpiffeId


@dataclass(frozen=True, slots=True)
class Caller:
    """``spiffe_id`` is from the certificate; None on the 0600 socket, whose user speaks for any gateway."""

    spiffe_id: SpiffeId | None


UnaryHandler = Callable[[bytes, Caller], Awaitable[bytes]]
"""One method of the agent's service: JSON or JSON lines in, JSON out.

Raises InvalidValueError (INVALID_ARGUMENT), ForbiddenError (PERMISSION_DENIED), UnavailableError
(UNAVAILABLE).
"""
