"""A database that can be away: what the API has of it, behind a wire that a test cuts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from control_plane.admin.dependencies import Dependencies
from control_plane.ports.errors import UnavailableError

# Every dependency that is in the database, by its field; of parts, the parts' fields.
_OURS = (
    *("objects", "audit", "deliveries", "expiries", "statistics", "following", "rotations", "history"),
    *("verifying", "shadows", "answers", "look"),
)
_PARTS = {
    "audits": ("reconciling", "reports", "offering", "heads"),
    "peering": ("inviting", "joining", "views", "bundles"),
    "discovery": ("sources",),
}


@dataclass
class Wire:
    """Between the API and its database."""

    cut: bool = False

    def through(self, deps: Dependencies) -> Dependencies:
        """The same, as long as the wire is not cut."""
        changed: dict[str, Any] = {name: Behind(getattr(deps, name), self) for name in _OURS}
        for name, fields in _PARTS.items():
            parts: Any = getattr(deps, name)
            if parts is not None:
                changed[name] = replace(
                    parts, **{each: Behind(getattr(parts, each), self) for each in fields}
                )
        return replace(deps, **changed)


class Behind:
    """A port of the database: every call raises UnavailableError while the wire is cut."""

    def __init__(self, port: object, wire: Wire) -> None:
        self._port = port
        self._wire = wire

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._port, name)

        def call(*args: object, **named: object) -> object:
            if self._wire.cut:
                raise UnavailableError("the database does not answer: connection refused")
            return method(*args, **named)

        return call
