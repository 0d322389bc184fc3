"""Whether a report has the types that it promises. Pure; what the values mean is the guard's business."""

from dataclasses import fields
from math import isfinite

from control_plane.model.identity import shown
from control_plane.model.problem import Problem
from control_plane.model.sighting import Candidate, RawEndpoint
from control_plane.ports.source import MAX_CANDIDATES, Lost, Report, Seen

MAX_REASON = 300  # characters
MAX_REFUSED = 100
_TEXTS = tuple(field.name for field in fields(Candidate) if field.type is str)


class UnsoundError(Exception):
    """What was said is no report: one clause for an operator."""


def one_clause(text: str) -> str:
    """``text`` as it may be shown: printable, not long, never empty."""
    clean = "".join(c if c.isprintable() else " " for c in text[:MAX_REASON]).strip()
    return clean or "no reason was given"


def sound(report: object) -> Report:
    """``report`` with its bounds kept. UnsoundError when it is none."""
    if isinstance(report, Lost):
        _expect(report.reason, str, "reason")
        return Lost(one_clause(report.reason))
    if not isinstance(report, Seen):
        raise UnsoundError(f"expected Seen or Lost, got {type(report).__name__}")
    _each(report.candidates, Candidate, "candidates")
    for candidate in report.candidates[:MAX_CANDIDATES]:
        _check(candidate)
    _each(report.refused, Problem, "refused")
    _expect(report.left_out, int, "left_out")
    beyond = max(0, len(report.candidates) - MAX_CANDIDATES)
    refused = tuple(map(_problem, report.refused[:MAX_REFUSED]))
    return Seen(report.candidates[:MAX_CANDIDATES], refused, max(0, report.left_out) + beyond)


def _check(candidate: Candidate) -> None:
    for name in _TEXTS:
        _expect(getattr(candidate, name), str, name)
    _each(candidate.endpoints, RawEndpoint, "endpoints")
    for endpoint in candidate.endpoints:
        _expect(endpoint.host, str, "host")
        for number in endpoint[1:]:
            _expect(number, int, "an endpoint's number")
    _each(candidate.resources, str, "resources")
    _each(candidate.metadata, tuple, "metadata")
    for pair in candidate.metadata:
        _each(pair, str, "metadata")
        if len(pair) != 2:  # noqa: PLR2004 - a key and its value
            raise UnsoundError(f"expected pairs in metadata, got {shown(pair)}")
    if not isinstance(candidate.ttl, int | float) or not isfinite(candidate.ttl):
        raise UnsoundError(f"expected seconds as ttl, got {shown(candidate.ttl)}")


def _problem(problem: Problem) -> Problem:
    texts = (problem.subject, problem.code, problem.detail, problem.hint)
    _each(texts, str, "a refused record")
    subject, code, detail, hint = texts
    return Problem(
        one_clause(subject), one_clause(code), one_clause(detail), one_clause(hint) if hint else ""
    )


def _each(values: object, kind: type, name: str) -> None:
    if not isinstance(values, tuple):
        raise UnsoundError(f"expected a tuple of {kind.__name__} as {name}, got {type(values).__name__}")
    for value in values:
        _expect(value, kind, name)


def _expect(value: object, kind: type, name: str) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UnsoundError(f"expected {kind.__name__} as {name}, got {type(value).__name__}")
