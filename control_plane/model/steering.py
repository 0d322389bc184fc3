"""What an operator decided about a node for the time being, apart from what the node is.

It is an object of its own, so that neither a bulk import nor a discovery source that describes the node anew
ends a drain or closes a circuit that somebody opened.
"""

from dataclasses import dataclass
from typing import ClassVar

from control_plane.model.identity import ObjectId, TrustDomain
from control_plane.model.node import check_text
from control_plane.model.problem import InvalidValueError


@dataclass(frozen=True, slots=True)
class Steering:
    """Of the node ``node_id@organisation``; ``at`` (Unix time) and ``by`` tell of the last change."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    node_id: ObjectId
    organisation: TrustDomain
    draining: bool = False  # what runs is finished, nothing new is sent
    circuit_open: bool = False  # opened by hand, until it is reset
    opened_at: float = 0.0  # when it was last opened by hand
    resets: int = 0  # how often its circuits were reset: gateways then forget its failures
    reset_at: float = 0.0  # when it was last reset
    reason: str = ""
    at: float = 0.0
    by: str = ""

    def __post_init__(self) -> None:
        check_text("a reason", self.reason)
        check_text("who it was", self.by)
        if not 0 <= self.resets < 2**31:
            raise InvalidValueError("bad_steering", "expected a number of resets from 0")
        if not all(0 <= at < 2**53 for at in (self.at, self.opened_at, self.reset_at)):  # also refuses NaN
            raise InvalidValueError("bad_steering", "expected a time from 1970 on")

    @property
    def key(self) -> str:
        """``node_id@organisation``."""
        return f"{self.node_id}@{self.organisation}"
