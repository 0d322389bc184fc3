"""When a grant is in force: from and until, in certain hours of the week, and after a named approval."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from control_plane.model.identity import ObjectId, shown
from control_plane.model.problem import InvalidValueError

_CLOCK = re.compile(r"(?:([01]\d|2[0-3]):([0-5]\d)|24:00)\Z", re.ASCII)
_DAYS = range(1, 8)
MAX_WINDOWS = 32
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Window:
    """From ``begins`` to ``ends`` (``HH:MM`` of UTC, ``24:00`` is midnight) on these days (Monday is 1)."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    days: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    begins: str = "00:00"
    ends: str = "24:00"

    def __post_init__(self) -> None:
        if not self.days or any(day not in _DAYS for day in self.days):
            raise InvalidValueError("bad_window", "expected days from 1 (Monday) to 7 (Sunday), at least one")
        for clock in (self.begins, self.ends):
            if not _CLOCK.match(clock):
                raise InvalidValueError("bad_window", f"expected a time such as 08:30, got {shown(clock)}")
        if self.begins >= self.ends:
            raise InvalidValueError(
                "bad_window",
                f"expected begins before ends, got {self.begins} and {self.ends}:"
                " a night is two windows, one to 24:00 and one from 00:00",
            )

    @property
    def seconds(self) -> tuple[int, int]:
        """Begin and end, in seconds of the day."""
        begin, end = (int(clock[:2]) * 3600 + int(clock[3:]) * 60 for clock in (self.begins, self.ends))
        return begin, end


@dataclass(frozen=True, slots=True)
class Conditions:
    """All of them must hold; none means always.

    ``approval`` names what an operator has to give (a ticket, a department) before the grant is in force.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    begins: datetime | None = None
    ends: datetime | None = None
    weekly: tuple[Window, ...] = ()
    approval: ObjectId | None = None

    def __post_init__(self) -> None:
        for moment in (self.begins, self.ends):
            if moment is not None and moment.tzinfo is None:
                raise InvalidValueError(
                    "bad_time", f"expected a time with its zone, such as 2026-01-31T12:00Z, got {moment}"
                )
        if self.begins and self.ends and self.begins >= self.ends:
            raise InvalidValueError("bad_time", "expected begins before ends")
        if len(self.weekly) > MAX_WINDOWS:
            raise InvalidValueError("bad_window", f"expected at most {MAX_WINDOWS} windows")

    @property
    def timed(self) -> bool:
        """Whether the time makes a difference."""
        return bool(self.begins or self.ends or self.weekly)


def moment(at: float) -> datetime:
    """Seconds since the epoch as a time."""
    return datetime.fromtimestamp(at, UTC)
