"""Take values out of one log line (pure).

Strangers decide much of what stands in it, so nothing is taken as it is.
"""

import json
from typing import Any, NoReturn

_ABSENT = ("", "-")  # Envoy's words for "no value"; a tuple, since JSON values may not be hashable
_MAX_INTEGER = 2**63 - 1  # what the database's column holds
_MAX_FIELDS = 64


class LineError(ValueError):
    """The line cannot be understood; the text says why and repeats nothing of it."""


class Line:
    """One JSON object; remembers the names of the fields that it had to cut."""

    def __init__(self, text: bytes | dict[str, Any]) -> None:
        self._values = text if isinstance(text, dict) else _load(text)
        self.cut: list[str] = []

    def part(self, name: str) -> "Line | None":
        """An object in the object; None when absent."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict) or len(value) > _MAX_FIELDS:
            raise LineError(f"expected an object as {name}, got something else")
        return Line(value)

    def text(self, name: str, limit: int = 256) -> str:
        """A string, printable and of at most ``limit`` characters; empty when absent."""
        value = self._values.get(name)
        if value is None or value in _ABSENT:
            return ""
        if type(value) is str and len(value) <= limit and value.isprintable():
            return value  # nearly always
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise LineError(f"expected text as {name}, got {type(value).__name__}")
        # One character may become ten, so what cannot fit is cut before it is escaped, and the result again.
        written = str(value)
        clean = escaped(written[:limit])
        if len(written) > limit or len(clean) > limit:
            self.cut.append(name)
        return clean[:limit]

    def integer(self, name: str, most: int = _MAX_INTEGER) -> int | None:
        """A whole number from 0 to ``most``; None when absent."""
        value = self._values.get(name)
        if value is None or value in _ABSENT:
            return None
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise LineError(f"expected a number from 0 to {most} as {name}, got something else")
        return value

    def facts(self, name: str) -> dict[str, str]:
        """An object of texts, each as ``text`` gives it; empty when there is none."""
        value = self._values.get(name)
        if not isinstance(value, dict) or len(value) > _MAX_FIELDS:
            return {}
        return {escaped(str(key))[:64]: escaped(str(one)[:256])[:256] for key, one in value.items()}

    def is_true(self, name: str) -> bool:
        """Whether the field is JSON's true."""
        return self._values.get(name) is True


def escaped(text: str) -> str:
    """Everything that a terminal or a log could take for a command is written as its escape."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _load(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise LineError("expected one JSON object") from error
    if not isinstance(value, dict) or len(value) > _MAX_FIELDS:
        raise LineError("expected one JSON object with the fields of the log's format")
    return value


def _refuse(_constant: str) -> NoReturn:
    raise LineError("expected JSON, got NaN or Infinity")
