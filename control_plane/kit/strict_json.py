"""JSON from strangers: UTF-8, each member named once, finite numbers of ordinary size, not too deep.

What two readers could understand differently (RFC 8259, section 4) is refused instead of being guessed.
"""

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

MAX_DIGITS = 20
_SHOWN = 60
_SPACE = re.compile(r"[ \t\n\r]*")  # RFC 8259, section 2


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
    with _told():
        return _DECODER.decode(_text(data, most))


def elements(data: bytes, *, most: int) -> Iterator[object]:
    """The elements of the array in ``data``, one by one, so that a long one is never there as a whole.

    Raises StrictJsonError, also after some of them.
    """
    with _told():
        text = _text(data, most)
        at = _after_space(text, 0)
        if text[at : at + 1] != "[":
            raise StrictJsonError("expected an array, got another value")
        at = _after_space(text, at + 1)
        closed = text[at : at + 1] == "]"
        while not closed:
            value, at = _DECODER.raw_decode(text, at)
            yield value
            at = _after_space(text, at)
            closed = text[at : at + 1] == "]"
            if not closed and text[at : at + 1] != ",":
                raise StrictJsonError(f"expected ',' or ']' at character {at}")
            at = at if closed else _after_space(text, at + 1)
        if _after_space(text, at + 1) != len(text):
            raise StrictJsonError(f"expected the end at character {at + 1}")


def _text(data: bytes, most: int) -> str:
    if len(data) > most:
        raise StrictJsonError(f"expected at most {most} bytes, got {len(data)}")
    return data.decode("utf-8")


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise StrictJsonError(f"expected UTF-8, got byte {error.start} that is none") from error
    except RecursionError as error:
        raise TooDeepError("expected a shallow document, got one nested too deeply") from error
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"expected JSON: {error.msg.lower()} at character {error.pos}") from error
