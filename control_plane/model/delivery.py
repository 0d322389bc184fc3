"""What one gateway did with what it was sent. Acknowledged is not sent."""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Refusal:
    """One resource version that Envoy refused, in Envoy's words."""

    name: str
    version: str
    detail: str
    at: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Delivery:
    """The state of one xDS type on one gateway's stream; counts of resources."""

    type_url: str
    wanted: int  # resources that this gateway should have
    in_flight: int  # sent, neither acknowledged nor refused yet
    acknowledged: int
    refused: tuple[Refusal, ...] = field(default=())
    revision: int = 0  # the table revision that everything acknowledged covers


class Progress(StrEnum):
    """How far one resource got on its way to a gateway."""

    WAITING = "waiting"
    IN_FLIGHT = "in_flight"
    REFUSED = "refused"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class Difference:
    """One resource that a gateway should have in this version; ``detail`` is Envoy's, of a refusal.

    ``chains`` are a listener's: Envoy replaces them in place, and then still names the version before.
    """

    type_url: str
    name: str
    version: str
    progress: Progress
    detail: str = ""
    chains: tuple[str, ...] = ()
