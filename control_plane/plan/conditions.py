"""Whether a grant is in force now, and when that may be different: a function of the grant and of the time.

Nothing counts down and nothing is scheduled: whoever plans says what time it is, and asks when to come again.
"""

from collections.abc import Iterator

from control_plane.model.conditions import DAY, Window, moment
from control_plane.model.grant import Grant
from control_plane.model.identity import ResourceName
from control_plane.model.problem import Problem

_WEEK = 7 * DAY
_MONDAY = 4 * DAY  # 1970-01-05, from which weeks are counted


def suspended(grant: Grant, now: float) -> Problem | None:
    """Why ``grant`` is not in force at ``now`` (seconds since the epoch), or None when it is."""
    conditions, subject = grant.conditions, f"grant {grant.id}"
    if conditions.approval is not None and not grant.approved_by:
        return Problem(
            subject,
            "grant_not_approved",
            f"it waits for the approval {conditions.approval}",
            f"proxenia grant approve {grant.id} {conditions.approval}",
        )
    if conditions.begins and now < conditions.begins.timestamp():
        detail = f"it is in force from {conditions.begins.isoformat()} on"
        return Problem(subject, "grant_not_begun", detail, "wait, or change its begin")
    if conditions.ends and now >= conditions.ends.timestamp():
        detail = f"it was in force until {conditions.ends.isoformat()}"
        return Problem(subject, "grant_ended", detail, "give it a later end, or a new grant")
    if conditions.weekly and not any(_open(window, now) for window in conditions.weekly):
        opens = next_change(grant, now)
        detail = "it is not in force at this hour" + (
            f", but from {moment(opens).isoformat()} on" if opens else ""
        )
        return Problem(subject, "grant_outside_hours", detail, "wait, or change its hours")
    return None


def next_change(grant: Grant, now: float) -> float | None:
    """The first time after ``now`` at which the answer may be another one; None: never."""
    later = [at for at in _boundaries(grant, now) if at > now]
    return min(later, default=None)


def _boundaries(grant: Grant, now: float) -> Iterator[float]:
    conditions = grant.conditions
    for end in (conditions.begins, conditions.ends):
        if end is not None:
            yield end.timestamp()
    week = now - (now - _MONDAY) % _WEEK
    for window in conditions.weekly:
        for day in window.days:
            for second in window.seconds:
                at = week + (day - 1) * DAY + second
                yield at if at > now else at + _WEEK


def _open(window: Window, now: float) -> bool:
    day, second = divmod((now - _MONDAY) % _WEEK, DAY)
    begin, end = window.seconds
    return int(day) + 1 in window.days and begin <= second < end


class Timetable:
    """The grants to which time makes a difference, and what was planned of them."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timed: dict[str, tuple[Grant, bool]] = {}  # with whether it was in force
        self._boundary: float | None = None
        self._stale = False  # the boundary is

    @property
    def boundary(self) -> float | None:
        """When ``move`` may have something to say; None: never."""
        if self._stale:
            changes = (next_change(grant, self.now) for grant, _ in self._timed.values())
            self._boundary = min((at for at in changes if at is not None), default=None)
            self._stale = False
        return self._boundary

    def put(self, key: str, grant: Grant | None) -> None:
        """Take over one grant, or its end."""
        if self._timed.pop(key, None):
            self._stale = True
        if grant is not None and grant.conditions.timed:
            self._timed[key] = grant, self.in_force(grant)
            self._stale = True

    def in_force(self, grant: Grant) -> bool:
        """Whether all conditions of ``grant`` hold."""
        return suspended(grant, self.now) is None

    def due(self, now: float) -> bool:
        """Whether anything may count otherwise at ``now``."""
        return now < self.now or (self.boundary is not None and self.boundary <= now)

    def move(self, now: float) -> set[ResourceName]:
        """It is ``now``, later or earlier than before; the resources whose grants that touches."""
        self.now = now
        self._stale = True
        touched = set()
        for key, (grant, was) in self._timed.items():
            holds = self.in_force(grant)
            if holds != was:
                self._timed[key] = grant, holds
                touched.add(grant.resource)
        return touched
