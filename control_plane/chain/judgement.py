"""Two sides' words about one crossing become one outcome (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from control_plane.chain.crossing import differing, readable
from control_plane.model.reconciliation import UNANSWERED, Crossing, Difference, Outcome

APART = timedelta(seconds=120)  # that the two times of one request may be, clocks and queues included


@dataclass(frozen=True, slots=True)
class Judged:
    """``difference`` None: both say the same. ``unanswered``: only one side saw the answer."""

    correlation_id: str
    timestamp: datetime
    difference: Difference | None = None
    unanswered: bool = False

    def late(self) -> Difference:
        """That the two sides agree by now."""
        return Difference(correlation_id=self.correlation_id, outcome=Outcome.LATE, timestamp=self.timestamp)


def judge(ours: Crossing | None, theirs: Crossing | None, *, key: bytes, fields: Sequence[str]) -> Judged:
    """Say what two sides' records of one correlation id are; ``theirs`` has values as they were shown.

    When an answer was lost on its way, one side has a status and the other has none: neither is wrong. It is
    no difference, and is counted.
    """
    if theirs is None:
        if ours is None:
            raise ValueError("expected a crossing of at least one side, got none")
        return _judged(ours, Outcome.ONLY_OURS, ours=ours.values)
    if ours is None:
        return _judged(theirs, Outcome.ONLY_THEIRS, theirs=readable(theirs.values))
    names = differing(ours, theirs.values, key, fields)
    unanswered = "outcome" in names and _lost(ours, theirs, key)
    if unanswered:
        names = tuple(name for name in names if name != "outcome")
    if names:
        return _judged(
            ours, Outcome.DIFFERING, fields=names, ours=ours.values, theirs=readable(theirs.values)
        )
    if abs(ours.timestamp - theirs.timestamp) > APART:
        times = {"time": ours.timestamp.isoformat()}, {"time": theirs.timestamp.isoformat()}
        judged = _judged(ours, Outcome.LATE, ours=times[0], theirs=times[1])
        return replace(judged, unanswered=unanswered)
    return Judged(ours.correlation_id, ours.timestamp, unanswered=unanswered)


def _lost(ours: Crossing, theirs: Crossing, key: bytes) -> bool:
    nothing = replace(ours, values={**ours.values, "outcome": UNANSWERED})
    return ours.values["outcome"] == UNANSWERED or not differing(nothing, theirs.values, key, ("outcome",))


def _judged(
    one: Crossing,
    outcome: Outcome,
    *,
    fields: tuple[str, ...] = (),
    ours: Mapping[str, str] | None = None,
    theirs: Mapping[str, str] | None = None,
) -> Judged:
    difference = Difference(
        correlation_id=one.correlation_id,
        outcome=outcome,
        timestamp=one.timestamp,
        fields=fields,
        ours=dict(ours or {}),
        theirs=dict(theirs or {}),
    )
    return Judged(one.correlation_id, one.timestamp, difference)
