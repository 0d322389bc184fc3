"""Settings with which a circuit would never open, never close, or save nothing (pure)."""

from collections.abc import Iterator

from control_plane.model.problem import Problem
from control_plane.model.tuning import Tuning

_SELDOM = 100  # failures in a row that a node in trouble hardly reaches before somebody notices
_SHORT = 1.0  # of the interval at which Envoy looks: shorter openings end at once


def lint(tuning: Tuning) -> tuple[Problem, ...]:
    """What of ``tuning`` takes the circuit breaker's effect away; empty is as it should be."""
    return tuple(_faults(tuning))


def _faults(tuning: Tuning) -> Iterator[Problem]:
    if tuning.circuit_failures > _SELDOM:
        yield _problem(
            "circuit_failures",
            f"{tuning.circuit_failures} failures in a row are hardly ever reached: the circuit stays closed",
            f"at most {_SELDOM}; 5 is usual",
        )
    if tuning.circuit_failures >= tuning.max_requests:
        yield _problem(
            "max_requests",
            f"only {tuning.max_requests} requests run at a time, fewer than the failures that open a circuit",
            "more than circuit_failures",
        )
    if tuning.circuit_open < _SHORT * tuning.circuit_interval:
        yield _problem(
            "circuit_open",
            f"{tuning.circuit_open:g} s are less than circuit_interval ({tuning.circuit_interval:g} s):"
            " the circuit is open for another time than this says",
            "at least circuit_interval",
        )
    if tuning.request_timeout > tuning.circuit_open_max:
        yield _problem(
            "request_timeout",
            f"a request may hang for {tuning.request_timeout:g} s, longer than any circuit stays open"
            f" ({tuning.circuit_open_max:g} s): a node that hangs is hardly ever spared",
            "less than circuit_open_max",
        )
    if tuning.retries and not tuning.retry_budget_percent and tuning.retry_concurrency <= 1:
        yield _problem(
            "retry_budget_percent",
            "no retry fits into the budget: what one node fails is not tried at another",
            "20 to 50",
        )
    if tuning.retries >= tuning.circuit_failures > 1:
        yield _problem(
            "retries",
            f"one request is repeated {tuning.retries} times: it alone opens the circuit of a single node",
            "less than circuit_failures",
        )


def _problem(setting: str, detail: str, hint: str) -> Problem:
    return Problem(f"setting {setting}", "circuit_without_effect", detail, hint)
