"""The circuit of one gateway to one node for one resource, as a state machine (pure).

Envoy ejects a node after so many failures in a row, for a time that grows with each ejection, and takes it
back by itself. It has no state of its own for the time after that; we call it half open: the node gets
traffic again, and the next answer, or the next series of failures, decides. Times are Unix times in seconds.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

LATE = 5.0  # seconds after its end at which an open circuit is taken for half open although nobody said so


class CircuitState(StrEnum):
    """Whether a gateway sends to a node."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a circuit stays open: ``open`` for each opening in a row, at most ``most``."""

    open: float
    most: float

    def until(self, at: float, openings: int) -> float:
        """When a circuit that opened ``at``, the ``openings``-th time in a row, may close."""
        return at + min(self.open * max(1, openings), self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """``since``: the state began; ``until``: an open one may close, a half-open one is closed."""

    state: CircuitState = CircuitState.CLOSED
    reason: str = ""
    since: float = 0.0
    until: float | None = None
    openings: int = 0


CLOSED = Circuit()


def opened(circuit: Circuit, at: float, reason: str, openings: int, *, pace: Pace) -> Circuit:
    """The gateway ejected the node; news that is older than the present state changes nothing."""
    if at < circuit.since:
        return circuit
    return Circuit(
        state=CircuitState.OPEN, reason=reason, since=at, until=pace.until(at, openings), openings=openings
    )


def returned(circuit: Circuit, at: float, *, pace: Pace) -> Circuit:
    """The gateway took the node back; only one whose circuit is open can be taken back."""
    if at < circuit.since or circuit.state is not CircuitState.OPEN:
        return circuit
    return replace(circuit, state=CircuitState.HALF_OPEN, since=at, until=at + pace.open)


def answered(circuit: Circuit, at: float) -> Circuit:
    """A request got its answer; an open circuit stays open, as that request was sent before."""
    if at < circuit.since or circuit.state is not CircuitState.HALF_OPEN:
        return circuit
    return Circuit(reason="answered", since=at)


def reset(circuit: Circuit, at: float) -> Circuit:
    """An operator closed it: what was counted before does not count."""
    return circuit if at < circuit.since else Circuit(reason="reset", since=at)


def as_of(circuit: Circuit, now: float, *, pace: Pace) -> Circuit:
    """The circuit at ``now``, when nobody said anything more of it.

    A gateway that was restarted has forgotten its circuits, and will not say so: none stays open for ever.
    """
    if circuit.until is None or circuit.state is CircuitState.CLOSED:
        return circuit
    if circuit.state is CircuitState.OPEN:
        if now < circuit.until + LATE:
            return circuit
        since = circuit.until + LATE
        circuit = replace(circuit, state=CircuitState.HALF_OPEN, since=since, until=since + pace.open)
    if circuit.until is not None and now >= circuit.until:
        return Circuit(reason="no_failure_since", since=circuit.until)
    return circuit
