"""What an organisation's revocation lists are worth once one is missing or old."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from control_plane.model.problem import InvalidValueError

MAX_GRACE = timedelta(days=90)  # as long as a leaf may live


class CrlMode(StrEnum):
    """What a missing or old list means, once an organisation publishes any list at all."""

    HARD = "hard"  # nothing passes whose issuer has no list in force: what Envoy does too
    SOFT = "soft"  # a missing list is ignored, an old one counts until its grace is over


@dataclass(frozen=True, slots=True)
class CrlPolicy:
    """``grace`` is how long after its ``nextUpdate`` a list still counts in soft mode."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    mode: CrlMode = CrlMode.HARD
    grace: timedelta = timedelta(hours=24)

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.grace <= MAX_GRACE:
            raise InvalidValueError(
                "bad_grace", f"expected a grace of 0 to {MAX_GRACE.days} days, got {self.grace}"
            )
