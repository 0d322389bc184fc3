"""The facts of an object that units depend on; whatever else of it changes touches none."""

from typing import TypeVar

from control_plane.model.agreement import Agreement
from control_plane.model.identity import SpiffeId
from control_plane.model.node import Endpoint, Node

K = TypeVar("K")
V = TypeVar("V")


def put(values: dict[K, V], key: K, value: V | None) -> None:
    """Set ``key``; None takes it out."""
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value


def denied(agreement: Agreement | None) -> tuple[tuple[str, ...], ...]:
    """What was revoked one by one."""
    return (agreement.revoked_identities, agreement.revoked_serials) if agreement else ((), ())


def served(node: Node | None) -> tuple[Endpoint, ...]:
    """Where traffic may go; nowhere while the node is disabled."""
    return node.endpoints if node is not None and node.enabled else ()


def carried(node: Node | None) -> SpiffeId | None:
    """The identity that may act for the node."""
    return node.spiffe_id if node is not None and node.enabled else None
