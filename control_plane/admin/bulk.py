"""Many objects at once: JSON lines, one object each, all or nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from control_plane.admin.ledger import Deed, perform
from control_plane.admin.operation import Call, Line
from control_plane.admin.problems import MAX_ERRORS, FieldError, body_error
from control_plane.model.change import Kind
from control_plane.model.node import Node
from control_plane.model.problem import InvalidValueError
from control_plane.model.resource import Resource

V = TypeVar("V", Node, Resource)

DEADLINE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a bulk request did; ``revision`` covers all of its lines."""

    lines: int
    revision: int


async def load(call: Call, kind: Kind, lines: tuple[Line[V], ...]) -> Loaded:
    """Add or overwrite every object. Raises ApiError when two lines are about the same one."""
    seen: dict[str, int] = {}
    for number, value in lines:
        other = seen.setdefault(value.key, number)
        if other != number:
            detail = f"expected each {kind} once, got {value.key} on line {other} too"
            raise body_error([FieldError("", "duplicate_line", detail, number)])
    deeds = [Deed("load", kind, value.key, value, blind=True) for _, value in lines]
    return Loaded(len(lines), await perform(call, deeds))


def check_lines(lines: tuple[Line[V], ...], check: Callable[[V], None]) -> None:
    """Apply a rule to every line and tell the first faulty ones together. Raises ApiError."""
    errors: list[FieldError] = []
    for number, value in lines:
        try:
            check(value)
        except InvalidValueError as fault:
            errors.append(FieldError("", fault.code, fault.detail, number))
        if len(errors) == MAX_ERRORS:
            break
    if errors:
        raise body_error(errors)
