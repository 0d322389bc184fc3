"""Every text field of a value, filled with markup and control characters, whatever its checks would say.

Checks of the model refuse most of this. Here it is put in behind their back, as if somebody had got past
them: a page must not depend on what was checked before.
"""

import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar
from uuid import uuid4

from control_plane.model.identity import _Name

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x1b[31m\r\n\u202e&lt;{{ 7*7 }}"

Value = TypeVar("Value")


def poisoned(value: Value, *, names: bool) -> tuple[Value, list[str]]:
    """A copy with every text hostile, and a mark of each; ``names``: also those of a checked kind."""
    marks: list[str] = []
    return typing.cast("Value", _poisoned(value, marks, names=names)), marks


def _poisoned(value: object, marks: list[str], *, names: bool) -> Any:  # noqa: ANN401 - like what is given
    match value:
        case StrEnum():
            return value
        case _Name():
            return str.__new__(type(value), _text(marks)) if names else value
        case str():
            return _text(marks)
        case tuple() | list():
            return type(value)(_poisoned(one, marks, names=names) for one in value)
        case Mapping():
            return {_key(key, marks): _poisoned(one, marks, names=names) for key, one in value.items()}
    return _copy(value, marks, names=names) if is_dataclass(value) else value


def _key(key: object, marks: list[str]) -> object:
    return _text(marks) if type(key) is str else key


def _text(marks: list[str]) -> str:
    mark = f"m{uuid4().hex[:12]}"
    marks.append(mark)
    return mark + HOSTILE


def _copy(value: Any, marks: list[str], *, names: bool) -> Any:  # noqa: ANN401 - like what is given
    """The same class without its checks."""
    made = object.__new__(type(value))
    for one in fields(value):
        object.__setattr__(made, one.name, _poisoned(getattr(value, one.name), marks, names=names))
    return made


def without_text(value: object, path: str = "") -> list[str]:
    """The fields of a good value that could hold text and hold none: nothing hostile would get there."""
    if isinstance(value, tuple | list | Mapping) and not value:
        return [path]
    if isinstance(value, Mapping):
        return [miss for one in value.values() for miss in without_text(one, f"{path}{{}}")]
    if isinstance(value, tuple | list):
        return [miss for one in value for miss in without_text(one, f"{path}[]")]
    if is_dataclass(value) and not isinstance(value, type):
        hints = typing.get_type_hints(type(value))
        return [
            miss
            for one in fields(value)
            for miss in (
                [f"{path}.{one.name}"]
                if getattr(value, one.name) is None and _texty(hints[one.name])
                else without_text(getattr(value, one.name), f"{path}.{one.name}")
            )
        ]
    return []


def _texty(hint: object) -> bool:
    """Whether a value of this type may hold text that is no word of ours."""
    if isinstance(hint, type):
        if issubclass(hint, StrEnum):
            return False
        return issubclass(hint, str) or is_dataclass(hint)
    return any(_texty(one) for one in typing.get_args(hint))
