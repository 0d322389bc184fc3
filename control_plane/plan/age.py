"""How long a sighting counts after its source said it last.

"I do not see it" starts the clock: the node is kept, then offline (tried last), then withdrawn. "I cannot
see" does not: what a blind source said stands, for a day unless told otherwise, and its blindness is shown.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from control_plane.model.held import Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Aging:
    """In seconds. ``keep``: as before; ``offline``: then tried last; ``blind``: what a lost source said."""

    keep: float = 300.0
    offline: float = 3600.0
    blind: float = 86_400.0


class Standing(StrEnum):
    """What becomes of a sighting."""

    PRESENT = "present"
    OFFLINE = "offline"
    WITHDRAWN = "withdrawn"


def standing(held: Held, *, now: datetime, aging: Aging, blind_since: datetime | None = None) -> Standing:
    """How ``held`` stands at ``now``; ``blind_since`` is when its source could not see any more."""
    reference = held.missing
    if reference is None:
        if blind_since is None:
            return Standing.PRESENT
        reference = blind_since + timedelta(seconds=aging.blind)
    # A time to live is the publisher's promise: until it ends, nothing is taken back.
    late = now - reference - timedelta(seconds=max(aging.keep, held.sighting.ttl))
    if late < timedelta(0):
        return Standing.PRESENT
    return Standing.OFFLINE if late < timedelta(seconds=aging.offline) else Standing.WITHDRAWN
