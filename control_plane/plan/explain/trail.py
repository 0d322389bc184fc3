"""Walking: one stage after the other, until one stops."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from control_plane.model.explanation import Explanation, Finding, Stage, Step
from control_plane.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Unknown:
    """It cannot be told from here."""

    detail: str


Found = str | Unknown | Problem
Check = tuple[Stage, Callable[[], Found]]


def walk(subject: str, checks: Iterable[Check], *, before: tuple[Step, ...] = ()) -> Explanation:
    """Look at each stage in turn; what comes behind the first that stops is not looked at."""
    steps = [*before]
    for stage, look in checks:
        found = look()
        if isinstance(found, Problem):
            steps.append(Step(stage, Finding.STOPPED, found.detail))
            return Explanation(subject, tuple(steps), found)
        if isinstance(found, Unknown):
            steps.append(Step(stage, Finding.UNKNOWN, found.detail))
        else:
            steps.append(Step(stage, Finding.FINE, found))
    return Explanation(subject, tuple(steps), None)
