"""JSON from strangers: UTF-8, each member named once, finite numbers of ordinary size, not too deep.

What two readers could understand differently (RFC 8259, section 4) is refused instead of being guessed.
"""

import json
import math
from typing import Any, NoReturn

MAX_DIGITS = 20
_SHOWN = 60


class StrictJsonError(ValueError):
    """The text is not such a document; the message says why."""


class DuplicateMemberError(StrictJsonError):
    """An object names a member twice."""


class BadNumberError(StrictJsonError):
    """A number is not finite, or longer than any that means something."""


class TooDeepError(StrictJsonError):
    """The document is nested more deeply than it can be read."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in pairs:
        if name in document:
            raise DuplicateMemberError(f"expected each member once, got {ascii(name)[:_SHOWN]} twice")
        document[name] = value
    return document


def _constant(text: str) -> NoReturn:
    raise BadNumberError(f"expected a number, got {text}")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise BadNumberError(f"expected a number of at most {MAX_DIGITS} digits, got {len(text)}")
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadNumberError(f"expected a finite number, got {text[:_SHOWN]}")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_real
)


def read(data: bytes, *, most: int) -> object:
    """The document in ``data``, which has at most ``most`` bytes. Raises StrictJsonError."""
    if len(data) > most:
        raise StrictJsonError(f"expected at most {most} bytes, got {len(data)}")
    try:
        return _DECODER.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise StrictJsonError(f"expected UTF-8, got byte {error.start} that is none") from error
    except RecursionError as error:
        raise TooDeepError("expected a shallow document, got one nested too deeply") from error
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"expected JSON: {error.msg.lower()} at character {error.pos}") from error
